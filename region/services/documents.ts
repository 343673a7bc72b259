import { createHash } from 'node:crypto';
import type * as model from '@aws-sdk/client-ssm';
import { AwsError } from '../service.ts';

/** A Command document of schema 2.2 with one aws:runShellScript step. */
export interface CommandDocument {
  name: string;
  version: number;
  /** sha256 of the content as text, in hexadecimal digits. */
  hash: string;
  parameters: Record<string, DocumentParameter>;
  step: { name: string; inputs: { runCommand: string[]; timeoutSeconds?: string | number } };
}

interface DocumentParameter {
  type: string;
  default?: string;
  allowedPattern?: string;
  allowedValues?: string[];
  minChars?: number;
  maxChars?: number;
}

const executionTimeoutSeconds = 3600;
const contentBytesMax = 64 * 1024;

/** Reads a document's content; throws InvalidDocumentContent for what this region can't run. */
export function readDocument(name: string, content: string, version: number): CommandDocument {
  if (Buffer.byteLength(content) > contentBytesMax) {
    throw new AwsError('MaxDocumentSizeExceeded', 'The size limit of a document is 64 KB.');
  }
  const { schemaVersion, parameters = {}, mainSteps = [] } = JSON.parse(content);
  const [step] = mainSteps;
  if (schemaVersion !== '2.2' || mainSteps.length !== 1 || step.action !== 'aws:runShellScript') {
    throw new AwsError(
      'InvalidDocumentContent',
      'Expected schemaVersion 2.2 and one aws:runShellScript step.',
    );
  }
  for (const [key, parameter] of Object.entries<DocumentParameter>(parameters)) {
    if (parameter.type === 'String') continue;
    throw new AwsError(
      'InvalidDocumentContent',
      `Parameter ${key}: type ${parameter.type} is not supported.`,
    );
  }
  const hash = createHash('sha256').update(content).digest('hex');
  return { name, version, hash, parameters, step };
}

/** The document a caller means, by name, version and hash. */
export function chooseDocument(
  documents: Map<string, CommandDocument>,
  request: model.SendCommandRequest,
): CommandDocument {
  const name = request.DocumentName?.split('/').at(-1) ?? '';
  const document = documents.get(name);
  if (!document) throw new AwsError('InvalidDocument', `Document with name ${name} does not exist.`);
  const version = request.DocumentVersion;
  if (version && !['$DEFAULT', '$LATEST', `${document.version}`].includes(version)) {
    const missing = `Document version ${version} for document ${name} does not exist.`;
    throw new AwsError('InvalidDocumentVersion', missing);
  }
  if (request.DocumentHash && request.DocumentHash !== document.hash) {
    throw new AwsError('InvalidDocument', `document hash ${request.DocumentHash} does not match Sha256.`);
  }
  return document;
}

/** Values with defaults, each as its declaration allows. Patterns match anywhere unless anchored. */
export function readParameters(
  document: CommandDocument,
  given: Record<string, string[]>,
): Record<string, string> {
  const refuse = (reason: string) => new AwsError('InvalidParameters', reason);
  for (const [name, values] of Object.entries(given)) {
    if (!document.parameters[name]) {
      throw refuse(`Parameter "${name}" is not defined in document ${document.name}.`);
    }
    if (values.length !== 1) throw refuse(`Parameter "${name}" of type String takes exactly one value.`);
  }
  const values: Record<string, string> = {};
  for (const [name, rule] of Object.entries(document.parameters)) {
    const value = given[name]?.[0] ?? rule.default;
    if (value === undefined) throw refuse(`Parameter "${name}" requires a value.`);
    if (rule.allowedPattern !== undefined && !new RegExp(rule.allowedPattern).test(value)) {
      throw refuse(`Parameter "${name}" has value "${value}" not matching "${rule.allowedPattern}".`);
    }
    if (rule.allowedValues && !rule.allowedValues.includes(value)) {
      throw refuse(`Parameter "${name}" has value "${value}" not in [${rule.allowedValues.join(', ')}].`);
    }
    if (value.length > (rule.maxChars ?? Number.POSITIVE_INFINITY) || value.length < (rule.minChars ?? 0)) {
      const range = `${rule.minChars ?? 0} to ${rule.maxChars ?? 'any number of'}`;
      throw refuse(`Parameter "${name}" has ${value.length} characters, expected ${range}.`);
    }
    values[name] = value;
  }
  return values;
}

/** The step with its parameters put in: plain text substitution, without any quoting, as the agent does. */
export function substitute(
  { step }: CommandDocument,
  parameters: Record<string, string>,
): { script: string; timeoutMs: number } {
  const put = (text: string) =>
    text.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name: string) => parameters[name] ?? whole);
  return {
    script: step.inputs.runCommand.map(put).join('\n'),
    timeoutMs: Number(put(`${step.inputs.timeoutSeconds ?? executionTimeoutSeconds}`)) * 1000,
  };
}

/** The agent's own cut of a step's output: each stream's beginning, shared evenly when both are long. */
export function truncateOutput(stdout: string, stderr: string, capacity: number): string {
  const title = stderr === '' ? '' : '\n----------ERROR-------\n';
  if (stdout.length + title.length + stderr.length <= capacity) return stdout + title + stderr;
  const outCut = '\n---Output truncated---';
  const errorCut = '\n---Error truncated----';
  const room = capacity - title.length;
  const half = Math.floor(room / 2);
  const outRoom = stderr === '' ? room : stderr.length < half ? room - stderr.length : half;
  const out = cut(stdout, outRoom, outCut);
  return out + title + cut(stderr, room - out.length, errorCut);
}

const cut = (text: string, room: number, mark: string): string =>
  text.length <= room ? text : text.slice(0, Math.max(0, room - mark.length)) + mark;
