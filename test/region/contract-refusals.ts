import { nobody } from './contract-calls.ts';

/**
 * What Systems Manager refuses beside the calls of contract-calls.ts, with names as there, AWS's code, and a part of its
 * message where that tells it from others. Where a real account is not to be asked, the last one says why.
 */
export type Refusal = [
  operation: string,
  what: string,
  input: object,
  code: string,
  says?: string,
  notOnAccount?: string,
];

const value = { Name: '/$prefix/tokyo/port', Value: '3128' };
const put = { ...value, Type: 'String' };
const long = { ...put, Value: 'x'.repeat(8193), Tier: 'Advanced' };
const send = { DocumentName: '$document', InstanceIds: ['$instance'], Parameters: { mode: ['check'] } };
const hash = { DocumentHash: 'ab'.repeat(32), DocumentHashType: 'Sha256' };
const text = { mode: ['check'], text: ['12345678901'] };
const targets = { InstanceIds: undefined, Targets: [{ Key: 'tag:$prefix', Values: ['y'] }] };
const invalid = 'ValidationException';
const odd = 'InvalidParameters';

export const refusals: Refusal[] = [
  ['PutParameter', 'no type', value, invalid, 'A parameter type is required when you create a parameter.'],
  [
    'PutParameter',
    'a name that is not fully qualified',
    { ...put, Name: '$prefix/port' },
    invalid,
    'qualified name.',
  ],
  [
    'PutParameter',
    'a reserved name',
    { ...put, Name: '/aws/$prefix' },
    invalid,
    'can\'t be prefixed with "aws" or "ssm"',
  ],
  [
    'PutParameter',
    'a name with a space',
    { ...put, Name: '/$prefix/a b' },
    invalid,
    'It must use only letters, numbers',
  ],
  [
    'PutParameter',
    'a nested parameter',
    { ...put, Value: '{{ssm:x}}' },
    invalid,
    'Do not use "{{}}" in the value.',
  ],
  [
    'PutParameter',
    'an empty value',
    { ...put, Value: '' },
    invalid,
    'Member must have length greater than or equal to 1',
  ],
  [
    'PutParameter',
    'an encrypted one',
    { ...put, Type: 'SecureString' },
    invalid,
    'Member must satisfy enum value set: [String, StringList]',
    'AWS encrypts it, and the local region keeps no secrets',
  ],
  [
    'PutParameter',
    'more than 4 KB',
    { ...put, Value: 'x'.repeat(4097) },
    invalid,
    'Standard tier parameters support a maximum',
  ],
  ['PutParameter', 'more than 8 KB', long, invalid, 'Advanced tier parameters support'],
  [
    'PutParameter',
    'a 16th level',
    { ...put, Name: `/$prefix${'/a'.repeat(15)}` },
    'HierarchyLevelLimitExceededException',
  ],
  ['SendCommand', 'a value that the pattern forbids', { ...send, Parameters: { mode: ['rm'] } }, odd],
  ['SendCommand', 'a missing parameter', { ...send, Parameters: {} }, odd],
  ['SendCommand', 'an unknown parameter', { ...send, Parameters: { mode: ['check'], shell: ['x'] } }, odd],
  ['SendCommand', 'too long a value', { ...send, Parameters: text }, odd],
  ['SendCommand', 'an unknown document', { ...send, DocumentName: '$prefix-none' }, 'InvalidDocument'],
  ['SendCommand', 'an unknown version', { ...send, DocumentVersion: '9' }, 'InvalidDocumentVersion'],
  ['SendCommand', 'another hash', { ...send, ...hash }, 'InvalidDocument'],
  ['SendCommand', 'an unknown instance', { ...send, InstanceIds: nobody.slice(0, 1) }, 'InvalidInstanceId'],
  ['SendCommand', 'something that is no instance', { ...send, InstanceIds: ['proxy-1'] }, invalid],
  ['SendCommand', 'too short a time-out', { ...send, TimeoutSeconds: 29 }, invalid],
  [
    'SendCommand',
    'targets',
    { ...send, ...targets },
    invalid,
    '',
    'AWS takes them, and nothing of Shoal gives any',
  ],
];

export const refusalsOf = (operation: string): Refusal[] => refusals.filter(([of]) => of === operation);
