import { AwsError, type Members } from '../service.ts';
import { readTemplate, type Template } from '../template.ts';

interface CreateStackInput {
  StackName: string;
  TemplateBody: string;
  Parameters?: { ParameterKey: string; ParameterValue: string }[];
  Capabilities?: string[];
}

/** What CreateStack asks for. The region rolls nothing back, so it wants to be told that nothing need be. */
export const creationLimits: Members = {
  StackName: { min: 1, max: 128, pattern: /^[a-zA-Z][-a-zA-Z0-9]*$/ },
  TemplateBody: { min: 1, max: 51_200 },
  Parameters: { each: { members: { ParameterKey: {}, ParameterValue: {} } } },
  Capabilities: { each: { values: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'] } },
  OnFailure: { values: ['DO_NOTHING'] },
};

/** Throws AWS's errors for a template that it can't read, and for rights that nobody has acknowledged. */
export function readCreation(input: CreateStackInput & { OnFailure?: string }) {
  const { StackName: name, TemplateBody, Parameters = [], Capabilities = [], OnFailure } = input;
  if (OnFailure === undefined)
    throw new AwsError('ValidationError', 'this region needs OnFailure DO_NOTHING');
  const template = inAwsWords(() => readTemplate(TemplateBody));
  const needed = neededCapability(template);
  const given = Capabilities.includes('CAPABILITY_NAMED_IAM') || Capabilities.includes(needed ?? '');
  if (needed && !given)
    throw new AwsError('InsufficientCapabilitiesException', `Requires capabilities : [${needed}]`);
  const parameters = Object.fromEntries(
    Parameters.map(({ ParameterKey, ParameterValue }) => [ParameterKey, ParameterValue]),
  );
  return { name, template, parameters };
}

/** What the region finds wrong with a template or its parameters, as CloudFormation answers it. */
export function inAwsWords<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof AwsError) throw error;
    throw new AwsError('ValidationError', `Template format error: ${(error as Error).message}`);
  }
}

function neededCapability({ Resources }: Template): string | undefined {
  const access = Object.values(Resources).filter(({ Type }) => Type.startsWith('AWS::IAM::'));
  if (access.length === 0) return undefined;
  const named = access.some(({ Properties = {} }) =>
    Object.keys(Properties).some((it) => /^\w+Name$/.test(it)),
  );
  return named ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM';
}
