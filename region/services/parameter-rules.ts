import type * as model from '@aws-sdk/client-ssm';
import { AwsError } from '../service.ts';

export interface Version {
  version: number;
  value: string;
  type: 'String' | 'StringList';
  tier: 'Standard' | 'Advanced';
  description: string | undefined;
  modifiedAt: number;
  modifiedBy: string;
}

const sizes = { Standard: 4096, Advanced: 8192 };

export const invalid = (message: string) => new AwsError('ValidationException', message);

const nameRules =
  'It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.';
const pathRules = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ${nameRules}`;

export function checkName(name: string): void {
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
export function tierOf(
  input: model.PutParameterRequest,
  value: string,
  last: Version | undefined,
): Version['tier'] {
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

export function checkPath(path: string): void {
  if (!path.startsWith('/') || !/^[\w.\-/]+$/.test(path)) throw invalid(pathRules);
}
