import { createHash } from 'node:crypto';
import { limits } from '../runtime/limits.ts';

/** What one command carries; null stands for a parameter that every command must give. */
interface DocumentParameter {
  type: 'String';
  description: string;
  allowedPattern: string;
  maxChars?: number;
  default?: string;
}

/** The document's parameters as the operator sends them. */
export interface DocumentParameters {
  mode: 'apply' | 'check' | 'connections';
  /** squid.conf, gzip and base64; empty unless `mode` is `apply`. */
  file?: string;
  sha256?: string;
  /** `epoch.version.rank`. */
  intent?: string;
  port?: string;
  probeUrl?: string;
  revoke?: 'disconnect' | 'keep';
  /** Why the command is sent, for the host's own log. */
  note?: string;
}

/**
 * The SSM Command document around the host script. The agent substitutes `{{ name }}` as raw text, so every
 * pattern is anchored and leaves out quotes and shell metacharacters.
 *
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html
 */
export function document(script: string): object {
  return {
    schemaVersion: '2.2',
    description: "Brings this host's Squid to a squid.conf and proves it, or leaves it as it was",
    parameters: parameters(),
    mainSteps: [
      {
        action: 'aws:runShellScript',
        name: 'apply',
        precondition: { StringEquals: ['platformType', 'Linux'] },
        inputs: {
          timeoutSeconds: String(limits.commandExecutionSeconds),
          runCommand: script.trimEnd().split('\n'),
        },
      },
    ],
  };
}

/** The document as it is deployed, and the hash of just that text, which a command has to name to be taken. */
export function documentText(script: string): { text: string; sha256: string } {
  const text = JSON.stringify(document(script), null, 1);
  return { text, sha256: createHash('sha256').update(text).digest('hex') };
}

/** A reason as a command may carry it: what the pattern leaves out becomes a blank, written as `_`. */
export function toNote(reason: string): string {
  return reason.replace(/[^A-Za-z0-9.,:/-]/g, '_').slice(0, 200);
}

const parameters = (): Record<keyof DocumentParameters, DocumentParameter> => ({
  mode: text('What to do', '^(apply|check|connections)$'),
  file: text('squid.conf, gzip and base64', '^[A-Za-z0-9+/]*={0,2}$', '', 32_768),
  sha256: text('Name of the file to apply', '^([0-9a-f]{64})?$', ''),
  intent: text('epoch.version.rank', '^[0-9]{1,15}[.][0-9]{1,15}[.][0-9]{1,3}$', '0.0.0'),
  port: text("The proxy's port", '^[0-9]{1,5}$', '3128'),
  probeUrl: text(
    'Fetched through the proxy as part of the proof, or none',
    '^(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?$',
    '',
    2_048,
  ),
  revoke: text('Open tunnels of clients that are not allowed any more', '^(disconnect|keep)$', 'disconnect'),
  note: text(
    'Why it is sent, for the log of the host; _ stands for a blank',
    '^[A-Za-z0-9.,:/_-]{0,200}$',
    '',
  ),
});

function text(
  description: string,
  allowedPattern: string,
  byDefault?: string,
  maxChars?: number,
): DocumentParameter {
  return {
    type: 'String',
    description,
    allowedPattern,
    ...(byDefault === undefined ? {} : { default: byDefault }),
    ...(maxChars === undefined ? {} : { maxChars }),
  };
}
