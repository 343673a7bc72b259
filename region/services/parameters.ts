import * as model from '@aws-sdk/client-ssm';
import type { Context } from '../context.ts';
import { parameterLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import { checkName, checkPath, invalid, tierOf, type Version } from './parameter-rules.ts';

export interface Parameters {
  service: Service;
  /** As PutParameter over the wire; throws AwsError. */
  put(input: { Name: string; Value: string; Type: 'String' | 'StringList'; Overwrite?: boolean }): void;
  delete(name: string): void;
}

const versionsMax = 100;
const parametersMax = 10_000;
const alreadyExists =
  'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.';

/** Systems Manager Parameter Store: versions, history, hierarchies and change events. */
export function createParameters(context: Context): Parameters {
  const store = new Store(context);
  return {
    service: {
      name: 'ssm',
      model,
      client: new model.SSMClient({ region }),
      operations: { ...changes(store), ...lookUps(store) },
      limits: parameterLimits,
    },
    put: (input) => void store.put(input, `arn:aws:iam::${account}:root`),
    delete: (name) => void store.delete(name),
  };
}

class Store {
  /** Name → its versions, oldest first, never empty. */
  readonly histories = new Map<string, Version[]>();
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  put(input: model.PutParameterRequest, identity: string) {
    const { Name: name = '', Value: value = '' } = input;
    checkName(name);
    const history = this.histories.get(name) ?? [];
    const last = history.at(-1);
    if (last && !input.Overwrite) throw new AwsError('ParameterAlreadyExists', alreadyExists);
    if (!last && this.histories.size >= parametersMax) {
      throw new AwsError('ParameterLimitExceeded', 'Max number of parameters exceeded.');
    }
    const type = (input.Type as Version['type'] | undefined) ?? last?.type;
    if (!type) throw invalid('A parameter type is required when you create a parameter.');
    if (last && type !== last.type) {
      const change = `Parameter type cannot be changed from ${last.type} to ${type}.`;
      throw new AwsError('HierarchyTypeMismatchException', change);
    }
    if (value.includes('{{')) {
      throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
    }
    const version: Version = {
      version: (last?.version ?? 0) + 1,
      value,
      type,
      tier: tierOf(input, value, last),
      description: input.Description ?? last?.description,
      modifiedAt: this.context.clock.now(),
      modifiedBy: identity,
    };
    this.histories.set(name, [...history, version].slice(-versionsMax));
    this.announce(name, version, last ? 'Update' : 'Create');
    return { Version: version.version, Tier: version.tier };
  }

  delete(name: string): boolean {
    const last = this.histories.get(name)?.at(-1);
    if (!last) return false;
    this.histories.delete(name);
    this.announce(name, last, 'Delete');
    return true;
  }

  /** `name` or `name:3`; undefined when there is no such parameter. A stale read has the version before. */
  read(reference: string, stale = this.isStale(reference)): model.Parameter | undefined {
    const [name = '', selector] = reference.split(':');
    const history = this.histories.get(name);
    if (!history) return undefined;
    if (selector === undefined) return describe(name, (stale && history.at(-2)) || history.at(-1)!);
    const found = history.find(({ version }) => `${version}` === selector);
    if (found) return { ...describe(name, found), Selector: `:${selector}` };
    // Nothing here has labels, so a label is one that isn't there.
    const what = /^\d+$/.test(selector) ? 'version' : 'version label';
    const lost = `Systems Manager could not find ${what} ${selector} of ${name}. Verify the ${what} and try again.`;
    throw new AwsError('ParameterVersionNotFound', lost);
  }

  isStale(path: string): boolean {
    return this.context.faults.isStale(path);
  }

  /** One page of names below a path, as long as AWS feels like. */
  page(path: string, names: string[], token: string | undefined, asked: number) {
    const size = this.context.faults.pageSize(path, asked);
    const salt = size === asked ? '' : this.context.ids.hex(8);
    return page(names, token, size, 'InvalidNextToken', salt);
  }

  private announce(name: string, { type, description }: Version, operation: string): void {
    this.context.publish({
      source: 'aws.ssm',
      'detail-type': 'Parameter Store Change',
      resources: [parameterArn(name)],
      detail: { operation, name, type, ...(description === undefined ? {} : { description }) },
    });
  }
}

const changes = (store: Store): Service['operations'] => ({
  PutParameter: (input, { identity }) => store.put(input, identity),
  DeleteParameter({ Name: name }) {
    if (!store.delete(name)) throw new AwsError('ParameterNotFound');
  },
  DeleteParameters({ Names: names }: { Names: string[] }) {
    const gone = names.filter((name) => store.delete(name));
    return { DeletedParameters: gone, InvalidParameters: names.filter((name) => !gone.includes(name)) };
  },
});

const lookUps = (store: Store): Service['operations'] => ({
  GetParameter({ Name: name }) {
    const parameter = store.read(name);
    if (!parameter) throw new AwsError('ParameterNotFound');
    return { Parameter: parameter };
  },
  GetParameters({ Names: names }: { Names: string[] }) {
    if (new Set(names).size < names.length) {
      throw invalid('Duplicate parameter names are not allowed in the same request.');
    }
    const found = names.map((name) => ({ name, parameter: readOrNothing(store, name) }));
    return {
      Parameters: found.flatMap(({ parameter }) => parameter ?? []),
      InvalidParameters: found.filter(({ parameter }) => !parameter).map(({ name }) => name),
    };
  },
  GetParametersByPath({ Path: path, Recursive: recursive, MaxResults: size = 10, NextToken: token }) {
    checkPath(path);
    const prefix = path.endsWith('/') ? path : `${path}/`;
    const names = [...store.histories.keys()]
      .filter((name) => name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes('/')))
      .sort();
    const { items, next } = store.page(prefix, names, token, size);
    const stale = store.isStale(prefix);
    return { Parameters: items.map((name) => store.read(name, stale)), NextToken: next };
  },
  GetParameterHistory({ Name: name, MaxResults: size = 50, NextToken: token }) {
    const history = store.histories.get(name);
    if (!history) throw new AwsError('ParameterNotFound');
    const { items, next } = page(history, token, size, 'InvalidNextToken');
    const described = items.map((version) => {
      const { ARN: _, ...parameter } = describe(name, version);
      const { modifiedBy, description, tier } = version;
      return { ...parameter, LastModifiedUser: modifiedBy, Description: description, Labels: [], Tier: tier };
    });
    return { Parameters: described, NextToken: next };
  },
});

const parameterArn = (name: string): string =>
  arn('ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`);

const describe = (name: string, version: Version): model.Parameter => ({
  Name: name,
  Type: version.type,
  Value: version.value,
  Version: version.version,
  LastModifiedDate: new Date(version.modifiedAt),
  ARN: parameterArn(name),
  DataType: 'text',
});

/** In a list, a version that isn't there makes its name invalid and fails nothing else. */
function readOrNothing(store: Store, name: string): model.Parameter | undefined {
  try {
    return store.read(name);
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}
