import * as model from '@aws-sdk/client-ssm';
import { parameterLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import type { Context } from '../world.ts';

export interface Parameters {
  service: Service;
  /** As PutParameter over the wire; throws AwsError. */
  put(input: { Name: string; Value: string; Type: 'String' | 'StringList'; Overwrite?: boolean }): void;
  delete(name: string): void;
}

interface Version {
  version: number;
  value: string;
  type: 'String' | 'StringList';
  tier: 'Standard' | 'Advanced';
  description: string | undefined;
  modifiedAt: number;
  modifiedBy: string;
}

const versionsMax = 100;
const sizes = { Standard: 4096, Advanced: 8192 };
const alreadyExists =
  'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.';

/** Systems Manager Parameter Store: versions, history, hierarchies and change events. */
export function createParameters(context: Context): Parameters {
  /** Name → its versions, oldest first, never empty. */
  const store = new Map<string, Version[]>();

  function put(input: model.PutParameterRequest, identity: string) {
    const { Name: name = '', Value: value = '' } = input;
    checkName(name);
    const history = store.get(name);
    const last = history?.at(-1);
    if (last && !input.Overwrite) throw new AwsError('ParameterAlreadyExists', alreadyExists);
    const type = (input.Type as Version['type'] | undefined) ?? last?.type;
    if (!type) throw invalid('A parameter type is required when you create a parameter.');
    if (last && type !== last.type) {
      throw new AwsError(
        'HierarchyTypeMismatchException',
        `Parameter type cannot be changed from ${last.type} to ${type}.`,
      );
    }
    if (value.includes('{{')) {
      throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
    }
    const tier = tierOf(input, value, last);
    const version: Version = {
      version: (last?.version ?? 0) + 1,
      value,
      type,
      tier,
      description: input.Description ?? last?.description,
      modifiedAt: context.clock.now(),
      modifiedBy: identity,
    };
    store.set(name, [...(history ?? []), version].slice(-versionsMax));
    announce(name, version, last ? 'Update' : 'Create');
    return { Version: version.version, Tier: tier };
  }

  function remove(name: string): boolean {
    const last = store.get(name)?.at(-1);
    if (!last) return false;
    store.delete(name);
    announce(name, last, 'Delete');
    return true;
  }

  function announce(name: string, { type, description }: Version, operation: string): void {
    context.publish({
      source: 'aws.ssm',
      'detail-type': 'Parameter Store Change',
      resources: [parameterArn(name)],
      detail: { operation, name, type, ...(description === undefined ? {} : { description }) },
    });
  }

  /** `name`, `name:3`; undefined when there is no such parameter. */
  function read(reference: string) {
    const [name = '', selector] = reference.split(':');
    const history = store.get(name);
    if (!history) return undefined;
    const found =
      selector === undefined ? history.at(-1)! : history.find(({ version }) => `${version}` === selector);
    if (!found) {
      throw new AwsError(
        'ParameterVersionNotFound',
        `Systems Manager could not find version ${selector} of ${name}. Verify the version and try again.`,
      );
    }
    return describe(name, found, selector);
  }

  const operations: Service['operations'] = {
    PutParameter: (input, { identity }) => put(input, identity),
    GetParameter({ Name: name }) {
      const parameter = read(name);
      if (!parameter) throw new AwsError('ParameterNotFound');
      return { Parameter: parameter };
    },
    GetParameters({ Names: names }: { Names: string[] }) {
      if (new Set(names).size < names.length) {
        throw invalid('Duplicate parameter names are not allowed in the same request.');
      }
      const found = names.map((name) => ({ name, parameter: readOrNothing(read, name) }));
      return {
        Parameters: found.flatMap(({ parameter }) => parameter ?? []),
        InvalidParameters: found.filter(({ parameter }) => !parameter).map(({ name }) => name),
      };
    },
    GetParametersByPath({ Path: path, Recursive: recursive, MaxResults: size = 10, NextToken: token }) {
      if (!path.startsWith('/') || !/^[\w.\-/]+$/.test(path)) throw invalid(pathRules);
      const prefix = path.endsWith('/') ? path : `${path}/`;
      const names = [...store.keys()]
        .filter((name) => name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes('/')))
        .sort();
      const { items, next } = page(names, token, size, 'InvalidNextToken');
      return {
        Parameters: items.map((name) => describe(name, store.get(name)!.at(-1)!)),
        NextToken: next,
      };
    },
    GetParameterHistory({ Name: name, MaxResults: size = 50, NextToken: token }) {
      const history = store.get(name);
      if (!history) throw new AwsError('ParameterNotFound');
      const { items, next } = page(history, token, size, 'InvalidNextToken');
      return {
        Parameters: items.map((version) => {
          const { ARN: _, ...described } = describe(name, version);
          return {
            ...described,
            LastModifiedUser: version.modifiedBy,
            Description: version.description,
            Labels: [],
            Tier: version.tier,
            Policies: [],
          };
        }),
        NextToken: next,
      };
    },
    DeleteParameter({ Name: name }) {
      if (!remove(name)) throw new AwsError('ParameterNotFound');
    },
    DeleteParameters({ Names: names }: { Names: string[] }) {
      const gone = names.filter(remove);
      return { DeletedParameters: gone, InvalidParameters: names.filter((name) => !gone.includes(name)) };
    },
  };
  return {
    service: {
      name: 'ssm',
      model,
      client: new model.SSMClient({ region }),
      operations,
      limits: parameterLimits,
    },
    put: (input) => void put(input, `arn:aws:iam::${account}:root`),
    delete: (name) => void remove(name),
  };
}

const invalid = (message: string) => new AwsError('ValidationException', message);

const nameRules =
  'It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.';
const pathRules = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ${nameRules}`;

function checkName(name: string): void {
  if (!/^[\w.\-/]+$/.test(name)) throw invalid(`Parameter name: ${nameRules}`);
  if (name.includes('/') && !name.startsWith('/')) {
    throw invalid('Parameter name must be a fully qualified name.');
  }
  if (/^\/?(aws|ssm)/i.test(name)) {
    throw invalid('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).');
  }
  if (name.endsWith('/') || name.includes('//')) throw invalid(`Parameter name: ${nameRules}`);
  if (name.split('/').length - 1 > 15) {
    throw new AwsError(
      'HierarchyLevelLimitExceededException',
      'A parameter hierarchy can have a maximum of 15 levels.',
    );
  }
}

/** An advanced parameter never goes back; intelligent tiering takes what the value needs. */
function tierOf(input: model.PutParameterRequest, value: string, last: Version | undefined): Version['tier'] {
  const size = Buffer.byteLength(value);
  const asked = input.Tier ?? last?.tier ?? 'Standard';
  if (asked === 'Standard' && last?.tier === 'Advanced') {
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.",
    );
  }
  const smart = size > sizes.Standard || last?.tier === 'Advanced' ? 'Advanced' : 'Standard';
  const tier = asked === 'Intelligent-Tiering' ? smart : asked;
  if (size > sizes[tier]) {
    const limit = `${tier} tier parameters support a maximum parameter value of ${sizes[tier]} characters.`;
    const advice =
      ' To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.';
    throw invalid(tier === 'Standard' ? limit + advice : limit);
  }
  return tier;
}

const parameterArn = (name: string): string =>
  arn('ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`);

const describe = (name: string, version: Version, selector?: string): model.Parameter => ({
  Name: name,
  Type: version.type,
  Value: version.value,
  Version: version.version,
  ...(selector === undefined ? {} : { Selector: `:${selector}` }),
  LastModifiedDate: new Date(version.modifiedAt),
  ARN: parameterArn(name),
  DataType: 'text',
});

/** In a list, a version that isn't there makes its name invalid and fails nothing else. */
function readOrNothing<T>(read: (name: string) => T | undefined, name: string): T | undefined {
  try {
    return read(name);
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}
