// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of Fn::Sub.
import { describe, expect, test } from 'vitest';
import { creationOrder, readTemplate, resolveConditions, resolveParameters } from '../../region/template.ts';
import { evaluate, NO_VALUE, type Scope, TemplateError } from '../../region/template-intrinsics.ts';

const scope: Scope = {
  ref: (name) => {
    const known: Record<string, unknown> = {
      'AWS::Region': 'ap-northeast-1',
      Port: '3128',
      Cidrs: ['10.0.0.0/8', '10.1.0.0/16'],
    };
    if (name in known) return known[name];
    throw new TemplateError(`Unresolved resource ${name}`);
  },
  attribute: (logicalId, attribute) => `${logicalId}/${attribute}`,
  condition: (name) => name === 'Yes',
  exported: (name) => `exported ${name}`,
};

const yaml = (expression: string): unknown =>
  readTemplate(`Resources:\n  R:\n    Type: T\n    Properties:\n      P: ${expression}\n`).Resources.R!
    .Properties!.P;

describe('a template expression', () => {
  test.each([
    ['!Ref Port', '3128'],
    ['!Sub "http://${Host.Name}:${Port}/${!literal}"', 'http://Host/Name:3128/${literal}'],
    ['!Sub ["${a}-${Port}", {a: !Select [1, [x, y]]}]', 'y-3128'],
    ['!GetAtt A.B.C', 'A/B.C'],
    ['{Fn::GetAtt: [A, B]}', 'A/B'],
    ['!Join [",", !Ref Cidrs]', '10.0.0.0/8,10.1.0.0/16'],
    ['!Split [",", "a,b"]', ['a', 'b']],
    ['!Select [0, !Split [",", "a,b"]]', 'a'],
    ['!If [Yes, 1, 2]', 1],
    ['!If [No, 1, !Sub "x${Port}"]', 'x3128'],
    ['{kept: 1, gone: !If [No, 1, !Ref "AWS::NoValue"]}', { kept: 1 }],
    ['[1, !Ref "AWS::NoValue"]', [1]],
    ['!ImportValue vpc', 'exported vpc'],
    ['{Condition: {StringLike: {key: "*"}}}', { Condition: { StringLike: { key: '*' } } }],
  ])('%s is evaluated', (expression, expected) => {
    expect(evaluate(yaml(expression), scope)).toEqual(expected);
  });

  test.each([
    ['!Ref Nobody', 'Unresolved resource Nobody'],
    ['!Cidr [a, b]', 'Fn::Cidr is not known'],
    ['!Select [7, [a]]', 'cannot select index 7'],
    ['!Join ","', 'Fn::Join needs a list of 2'],
    ['!Sub "${Cidrs}"', 'is a list'],
  ])('%s is refused with the reason', (expression, reason) => {
    expect(() => evaluate(yaml(expression), scope)).toThrow(reason);
  });

  test('AWS::NoValue at the top leaves nothing', () => {
    expect(evaluate({ Ref: 'AWS::NoValue' }, scope)).toBe(NO_VALUE);
  });
});

describe('parameters', () => {
  const template = readTemplate(`
Parameters:
  Port: { Type: Number, Default: 3128, MinValue: 1024, MaxValue: 65535 }
  Level: { Type: String, Default: INFO, AllowedValues: [INFO, DEBUG] }
  Name: { Type: String, AllowedPattern: '[a-z]+' }
  Cidrs: { Type: CommaDelimitedList, Default: '' }
  Subnets: { Type: 'List<AWS::EC2::Subnet::Id>', Default: 'subnet-1, subnet-2' }
  Image: { Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: /aws/image }
Resources: {}
`);
  const resolve = (given: Record<string, string>) =>
    resolveParameters(template, given, (name) => `value of ${name}`);

  test('take defaults, lists and stored values', () => {
    expect(resolve({ Name: 'demo', Cidrs: '10.0.0.0/8,10.1.0.0/16' })).toEqual({
      Port: '3128',
      Level: 'INFO',
      Name: 'demo',
      Cidrs: ['10.0.0.0/8', '10.1.0.0/16'],
      Subnets: ['subnet-1', 'subnet-2'],
      Image: 'value of /aws/image',
    });
  });

  test.each([
    [{}, '[Name] must have values'],
    [{ Name: 'demo', Nme: 'x' }, '[Nme] do not exist'],
    [{ Name: 'Demo' }, 'Parameter Name: must match pattern'],
    [{ Name: 'demo', Port: '80' }, 'Parameter Port: must be at least 1024'],
    [{ Name: 'demo', Port: '99999' }, 'Parameter Port: must be at most 65535'],
    [{ Name: 'demo', Port: 'http' }, 'Parameter Port: must be a number'],
    [{ Name: 'demo', Level: 'TRACE' }, 'Parameter Level: must be one of INFO, DEBUG'],
  ])('%j is refused', (given, reason) => {
    expect(() => resolve(given)).toThrow(reason);
  });
});

describe('conditions', () => {
  const conditions = (text: string) =>
    resolveConditions(readTemplate(`Conditions: ${text}\nResources: {}`), scope);

  test('are evaluated through each other', () => {
    const text = `{A: !Equals [!Ref Port, 3128], B: !Not [Condition: A], C: !Or [Condition: B, !And [Condition: A, !Equals [1, "1"]]]}`;
    expect(conditions(text)).toEqual({ A: true, B: false, C: true });
  });

  test('that go round in a circle are refused', () => {
    expect(() => conditions('{A: !Not [Condition: B], B: !Not [Condition: A]}')).toThrow('A → B → A');
  });

  test('of an unknown function are refused', () => {
    expect(() => conditions('{A: !Contains [a, b]}')).toThrow('Fn::Contains is no condition function');
  });
});

describe('the order of creation', () => {
  const order = (text: string, conditions = {}) =>
    creationOrder(readTemplate(`Resources: ${text}`), conditions);

  test('follows Ref, GetAtt, Sub and DependsOn', () => {
    const text = `{A: {Type: T, DependsOn: B, Properties: {x: !Ref C}}, B: {Type: T, Properties: {x: !Sub "\${D.Arn}"}}, C: {Type: T, Properties: {x: [!GetAtt B.Arn]}}, D: {Type: T}}`;
    expect(order(text)).toEqual(['D', 'B', 'C', 'A']);
  });

  test('leaves out what a condition rules out', () => {
    expect(order('{A: {Type: T, Condition: No}, B: {Type: T, DependsOn: A}}', { No: false })).toEqual(['B']);
  });

  test.each([
    ['{A: {Type: T, Properties: {x: !Ref B}}, B: {Type: T, DependsOn: A}}', 'A → B → A'],
    ['{A: {Type: T, DependsOn: Z}}', 'Resource A: DependsOn Z'],
    ['{A: {Type: T, Condition: Maybe}}', 'Resource A: unresolved condition Maybe'],
    ['{A: {Type: T, CreationPolicy: {}}}', 'Resource A: attribute CreationPolicy'],
    ['{A: {Properties: {}}}', 'Resource A: Type is missing'],
  ])('%s is refused', (text, reason) => {
    expect(() => order(text)).toThrow(reason);
  });
});

test('a template may be JSON', () => {
  const text = JSON.stringify({ Resources: { A: { Type: 'T', Properties: { x: { Ref: 'Port' } } } } });
  expect(evaluate(readTemplate(text).Resources.A!.Properties, scope)).toEqual({ x: '3128' });
});

test('an unknown section of a template is refused', () => {
  expect(() => readTemplate('{"Transform": "x", "Resources": {}}')).toThrow('[Transform]');
});
