// What osls packages, in short.
export const operator = `
Parameters:
  Seconds: { Type: Number, Default: 3 }
Resources:
  WorkLambdaFunction:
    Type: AWS::Lambda::Function
    DependsOn: [WorkLogGroup]
    Properties:
      Code: { S3Bucket: !Ref Bucket, S3Key: serverless/shoal/prod/17/work.zip }
      Handler: index.handler
      Runtime: nodejs24.x
      FunctionName: shoal-work
      MemorySize: 256
      Timeout: 30
      Architectures: [arm64]
      Environment: { Variables: { SECONDS: !Ref Seconds } }
      Role: !Sub "\${Role.Arn}"
  Bucket: { Type: AWS::S3::Bucket }
  WorkLogGroup: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: /aws/lambda/shoal-work } }
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub shoal-work-\${AWS::Region}
      Policies:
        - PolicyName: own
          PolicyDocument:
            Statement:
              - { Effect: Allow, Action: 'logs:*', Resource: !GetAtt WorkLogGroup.Arn }
              - { Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn }
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref WorkLambdaFunction
      Qualifier: $LATEST
      MaximumRetryAttempts: 0
      DestinationConfig: { OnFailure: { Destination: !GetAtt Queue.Arn } }
  Queue: { Type: AWS::SQS::Queue, Properties: { QueueName: dead } }
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: parameters
      EventPattern: { source: [aws.ssm], detail: { name: [{ prefix: /shoal/ }] } }
      State: ENABLED
      Targets: [{ Id: work, Arn: !GetAtt WorkLambdaFunction.Arn, DeadLetterConfig: { Arn: !GetAtt Queue.Arn } }]
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !GetAtt WorkLambdaFunction.Arn
      Principal: events.amazonaws.com
      SourceArn: !GetAtt Rule.Arn
  Document:
    Type: AWS::SSM::Document
    Properties:
      Name: shoal-apply
      DocumentType: Command
      Content: { schemaVersion: '2.2', mainSteps: [{ action: aws:runShellScript, name: apply, inputs: { runCommand: ['true'] } }] }
Outputs:
  Function: { Value: !Ref WorkLambdaFunction, Description: Its name., Export: { Name: !Sub "\${AWS::StackName}-function" } }
`;
export const fleet = `
Parameters:
  Subnets: { Type: 'List<AWS::EC2::Subnet::Id>' }
  Image: { Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: /aws/service/image }
Resources:
  Template: { Type: AWS::EC2::LaunchTemplate, Properties: { LaunchTemplateData: { ImageId: !Ref Image } } }
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      AutoScalingGroupName: shoal-demo
      VPCZoneIdentifier: !Ref Subnets
      MinSize: 0
      MaxSize: '4'
      DesiredCapacity: 2
      LaunchTemplate: { LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber }
      LifecycleHookSpecificationList:
        - { LifecycleHookName: shoal-launch, LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING', HeartbeatTimeout: 600 }
      Tags: [{ Key: 'shoal:fleet', Value: demo, PropagateAtLaunch: true }]
  Balancer: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: demo, Type: network, Subnets: !Ref Subnets } }
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: demo
      TargetType: instance
      Protocol: TCP
      Port: 3128
      VpcId: vpc-1
      TargetGroupAttributes: [{ Key: deregistration_delay.timeout_seconds, Value: 20 }]
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: { LoadBalancerArn: !Ref Balancer, Protocol: TCP, Port: 3128, DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Targets }] }
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: { Name: /shoal/demo/target-group-arn, Type: String, Value: !Ref Targets }
Outputs:
  Proxy: { Value: !Sub "http://\${Balancer.DNSName}:3128" }
  Operator: { Value: !ImportValue shoal-function }
`;
