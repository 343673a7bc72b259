import {
  DeleteParametersCommand,
  GetParameterHistoryCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { limits } from '../runtime/limits.ts';
import { doing, isTaken } from './errors.ts';
import { batches, pages } from './pages.ts';

export interface StoredParameter {
  /** Relative to the path it was read under. */
  name: string;
  value: string;
  version: number;
  /** Epoch milliseconds. */
  modifiedAt: number;
}

export interface Parameters {
  /** Everything below `path` (which ends in `/`), sub-paths included. A throttle is an error, never "none". */
  below(path: string): Promise<StoredParameter[]>;
  /** One parameter (`path`, or `path:version`), null when there is none. */
  get(path: string): Promise<StoredParameter | null>;
  /** Those of `paths` that exist, by whole path. */
  named(paths: string[]): Promise<StoredParameter[]>;
  /** Every version that is kept (AWS: the last 100), the oldest first. */
  history(path: string): Promise<StoredParameter[]>;
  delete(paths: string[]): Promise<void>;
  /** Creates; null when somebody else was first. */
  create(path: string, value: string): Promise<number | null>;
  /** Writes; returns the new version. */
  put(path: string, value: string): Promise<number>;
}

export function parameters(client: SSMClient): Parameters {
  const put = (path: string, value: string, Overwrite: boolean): Promise<number> =>
    client
      .send(new PutParameterCommand({ Name: path, Value: value, Type: 'String', Overwrite }))
      .then((answer) => answer.Version ?? 0);
  return {
    below: (path) =>
      doing(`reading parameters below ${path}`, () =>
        pages(async (NextToken) => {
          const page = await client.send(
            new GetParametersByPathCommand({ Path: path, Recursive: true, MaxResults: 10, NextToken }),
          );
          const items = (page.Parameters ?? []).map((found) => stored(found, path));
          return { items, next: page.NextToken };
        }),
      ),
    get: (path) =>
      doing(`reading parameter ${path}`, async () => {
        const answer = await client.send(new GetParametersCommand({ Names: [path] }));
        const found = answer.Parameters?.[0];
        return found === undefined ? null : stored(found, '');
      }),
    named: (paths) =>
      doing(`reading ${paths.join(', ')}`, async () => {
        const answers = batches(paths, limits.parametersMax).map((Names) =>
          client.send(new GetParametersCommand({ Names })),
        );
        return (await Promise.all(answers)).flatMap(({ Parameters = [] }) =>
          Parameters.map((found) => stored(found, '')),
        );
      }),
    history: (path) =>
      doing(`reading the history of ${path}`, () =>
        pages(async (NextToken) => {
          const page = await client.send(
            new GetParameterHistoryCommand({ Name: path, MaxResults: 50, NextToken }),
          );
          return { items: (page.Parameters ?? []).map((found) => stored(found, '')), next: page.NextToken };
        }),
      ),
    delete: (paths) =>
      doing(`deleting ${paths.join(', ')}`, async () => {
        for (const Names of batches(paths, limits.parametersMax))
          await client.send(new DeleteParametersCommand({ Names }));
      }),
    create: (path, value) =>
      doing(`creating parameter ${path}`, async () => {
        try {
          return await put(path, value, false);
        } catch (error) {
          if (isTaken(error)) return null;
          throw error;
        }
      }),
    put: (path, value) => doing(`writing parameter ${path}`, () => put(path, value, true)),
  };
}

function stored(
  found: {
    Name?: string | undefined;
    Value?: string | undefined;
    Version?: number | undefined;
    LastModifiedDate?: Date | undefined;
  },
  path: string,
): StoredParameter {
  return {
    name: (found.Name ?? '').slice(path.length),
    value: found.Value ?? '',
    version: found.Version ?? 0,
    modifiedAt: found.LastModifiedDate?.getTime() ?? 0,
  };
}
