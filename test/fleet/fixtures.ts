import { readSettings } from '../../shared/fleet/parameters.ts';
import type { Mistake, Parameter, Settings } from '../../shared/fleet/settings.ts';

export const targetGroupArn =
  'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/demo/0123456789abcdef';

/** Parameters with the required ones filled in; null leaves one out. */
export function parameters(values: Record<string, string | null> = {}): Parameter[] {
  const all = { 'target-group-arn': targetGroupArn, 'allowed-cidrs': '172.31.0.0/24', ...values };
  return Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [{ name, value, version: name.length, modifiedAt: 0 }],
  );
}

export function settingsOf(values: Record<string, string | null> = {}): Settings {
  const result = readSettings(parameters(values));
  if ('mistakes' in result) throw new Error(result.mistakes.map(({ problem }) => problem).join('\n'));
  return result.settings;
}

export function mistakesOf(values: Record<string, string | null>): Mistake[] {
  const result = readSettings(parameters(values));
  return 'mistakes' in result ? result.mistakes : [];
}

/** An IPv4 address as a number; the model's own arithmetic, so that it shares nothing with the code under test. */
export function addressNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** What a list of networks means: an address is in it when it shares a network's first bits. */
export function naivelyAllows(networks: string[], address: string): boolean {
  return networks.some((network) => {
    const [base = '', prefix] = network.split('/');
    const size = 2 ** (32 - Number(prefix));
    return Math.floor(addressNumber(base) / size) === Math.floor(addressNumber(address) / size);
  });
}
