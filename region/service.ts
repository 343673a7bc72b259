/**
 * What a service of the region is: the SDK module that describes its wire, and a function for each
 * operation it serves. The wire layer knows protocols, this knows none.
 */

/** Who calls, and under which request id. */
export interface Call {
  /** ARN of the caller; the administrator when the access key isn't in the identity table. */
  identity: string;
  accessKeyId: string;
  requestId: string;
}

/**
 * Input as the SDK's types have it (dates, bytes, numbers), already validated; output likewise. Throws
 * AwsError. It may answer with a promise, e.g. a synchronous Lambda invocation.
 */
// biome-ignore lint/suspicious/noExplicitAny: each operation narrows its own input, after validation.
export type Operation = (input: any, call: Call) => unknown;

/** Published limits of a member: length of a string, count of a list, value of a number. */
export interface Rule {
  min?: number;
  max?: number;
  /** Anchored where AWS's published pattern is. */
  pattern?: RegExp;
  values?: readonly string[];
  /** The rule of each entry of a list. */
  each?: Rule;
  /** The accepted members of a structure. */
  members?: Members;
}

/** The members that the region accepts; one that is not named is refused, never ignored. */
export type Members = Record<string, Rule>;

export interface Service {
  /** The AWS CLI's word for it: `autoscaling`, `ssm`, `elbv2`, `sts`, `events`, `lambda`. */
  name: string;
  /** All exports of the service's `@aws-sdk/client-…` module: its schemas end in `$`. */
  model: Record<string, unknown>;
  /** A client of that module, for its protocol settings alone. */
  client: { config: object };
  operations: Record<string, Operation>;
  /** Per operation. An operation that is missing here accepts all of its schema's members. */
  limits?: Record<string, Members>;
}

/** What a client's configuration says of its wire, though its public type doesn't. */
export interface ProtocolSettings {
  version?: string;
  serviceTarget?: string;
  xmlNamespace?: string;
  awsQueryCompatible?: boolean;
}

export function wireOf({ client }: Service): ProtocolSettings & { shapeId: string } {
  const { protocol, protocolSettings } = client.config as {
    protocol: { getShapeId(): string };
    protocolSettings: ProtocolSettings;
  };
  return { ...protocolSettings, shapeId: protocol.getShapeId() };
}

/** An error as AWS answers it. `code` is the one on the wire, e.g. `ParameterNotFound`. */
export class AwsError extends Error {
  readonly code: string;
  /** HTTP status; the model's own for this code (else 400) when left out. */
  readonly status: number | undefined;

  constructor(code: string, message?: string, status?: number) {
    super(message ?? '');
    this.name = 'AwsError';
    this.code = code;
    this.status = status;
  }
}

/** An event before the bus adds id, account, time, region and version. */
export interface AwsEvent {
  source: string;
  'detail-type': string;
  resources?: string[];
  detail: Record<string, unknown>;
}

export type Publish = (event: AwsEvent) => void;

export const account = '000000000000';
export const region = 'ap-northeast-1';
export const zones = ['ap-northeast-1a', 'ap-northeast-1c', 'ap-northeast-1d'] as const;

export const arn = (service: string, resource: string): string =>
  `arn:aws:${service}:${region}:${account}:${resource}`;
