import { mergeNetworks } from './cidr.ts';
import { domainsCover, mergeDomains } from './domains.ts';
import { extraDirectives } from './extra-directives.ts';
import { nearest } from './nearest.ts';
import { shown } from './plain.ts';
import { defaultRollout, rollout } from './rollout.ts';
import type { Mistake, Parameter, Settings } from './settings.ts';
import { renderConfig, tooLarge } from './squid-conf.ts';
import {
  choice,
  clientNetworks,
  domains,
  ports,
  privateNetworks,
  probeUrl,
  proxyPort,
  type Reader,
  targetGroupArn,
} from './values.ts';

const names = [
  'target-group-arn',
  'allowed-cidrs',
  'allowed-domains',
  'domains-mode',
  'private-destinations',
  'allowed-ports',
  'port',
  'probe-url',
  'extra-directives',
  'rollout',
  'on-revoke',
  'allow-any-source',
  'paused',
];
/** A list in which everything is wrong is wrong for one reason: beyond these its mistakes are only counted. */
const mistakesSpeltOutMax = 10;
/** These may also come in parts, `allowed-cidrs/<site>`, that are merged. */
const divisible = ['allowed-cidrs', 'allowed-domains'];

/**
 * The settings that a fleet's parameters stand for, or every mistake in them at once: an unknown name, a missing
 * one, a value in another form than expected, values that contradict each other, a config that is too large.
 */
export function readSettings(parameters: Parameter[]): { settings: Settings } | { mistakes: Mistake[] } {
  const mistakes: Mistake[] = parameters.filter(({ name }) => !isKnown(name)).map(unknownName);
  const say: Say = (parameter, problem) =>
    mistakes.push({ parameter: parameter.name, version: parameter.version, problem });
  const readParts = <T>(name: string, reader: Reader<T>): Part<T>[] =>
    parameters
      .filter((parameter) => parameter.name === name || divided(parameter.name) === name)
      .map((parameter) => {
        const problems: string[] = [];
        const value = reader(parameter.value.trim(), (problem) => problems.push(problem));
        for (const problem of bounded(problems)) say(parameter, problem);
        return { parameter, value };
      });
  const read = <T>(name: string, reader: Reader<T>, fallback: T): T => {
    const [first] = readParts(name, reader);
    return first === undefined ? fallback : first.value;
  };

  for (const name of ['target-group-arn', 'allowed-cidrs']) {
    if (!parameters.some((parameter) => parameter.name === name || divided(parameter.name) === name)) {
      mistakes.push({ parameter: name, version: null, problem: `${name} is required and isn't there` });
    }
  }
  const cidrs = readParts('allowed-cidrs', clientNetworks);
  const domainLists = readParts('allowed-domains', domains);
  const settings: Settings = {
    targetGroupArn: read('target-group-arn', targetGroupArn, ''),
    allowedCidrs: mergeNetworks(cidrs.flatMap(({ value }) => value)),
    allowedDomains: allDomains(domainLists, say),
    domainsMode: read('domains-mode', choice('enforce', 'report'), 'enforce'),
    privateDestinations: read('private-destinations', privateNetworks, []),
    allowedPorts: read('allowed-ports', ports, [80, 443]),
    port: read('port', proxyPort, 3128),
    probeUrl: read('probe-url', probeUrl, null),
    extraDirectives: read('extra-directives', extraDirectives, []),
    rollout: read('rollout', rollout, defaultRollout),
    onRevoke: read('on-revoke', choice('disconnect', 'keep'), 'disconnect'),
    allowAnySource: read('allow-any-source', choice('no', 'yes'), 'no') === 'yes',
    paused: read('paused', choice('no', 'yes'), 'no') === 'yes',
  };
  refuseAnySource(settings, cidrs, say);
  if (mistakes.length === 0) refuseBarredProbe(settings, parameters, say);
  const large = mistakes.length === 0 ? tooLarge(renderConfig(settings)) : null;
  if (large !== null) mistakes.push(large);
  return mistakes.length === 0 ? { settings } : { mistakes };
}

type Say = (parameter: Parameter, problem: string) => void;
interface Part<T> {
  parameter: Parameter;
  value: T;
}

/** `allowed-cidrs` for `allowed-cidrs/tokyo`; undefined for what is no such part. */
function divided(name: string): string | undefined {
  const root = /^([a-z-]+)\/[A-Za-z0-9_.-]+$/.exec(name)?.[1];
  return divisible.find((known) => known === root);
}

function isKnown(name: string): boolean {
  return names.includes(name) || divided(name) !== undefined;
}

function unknownName({ name, version }: Parameter): Mistake {
  const [root = '', ...below] = name.split('/');
  const near = nearest(root, names);
  // A part is suggested with its own name kept, so that the suggestion can be typed as it stands.
  const isPart = near !== null && below.length === 1 && below[0] !== '' && divisible.includes(near);
  const suggestion = isPart ? `${near}/${below[0]}` : near;
  const expected =
    suggestion === null ? `expected one of ${names.join(', ')}` : `did you mean ${suggestion}?`;
  return { parameter: name, version, problem: `${shown(name)} is no parameter of a fleet: ${expected}` };
}

function bounded(problems: string[]): string[] {
  if (problems.length <= mistakesSpeltOutMax) return problems;
  const left = problems.length - mistakesSpeltOutMax + 1;
  return [...problems.slice(0, mistakesSpeltOutMax - 1), `${left} more of its entries are wrong`];
}

function allDomains(lists: Part<string[] | 'any'>[], say: Say): string[] | 'any' {
  const any = lists.find(({ value }) => value === 'any');
  if (any !== undefined && lists.length > 1) {
    say(any.parameter, 'any contradicts the other allowed-domains parameters: delete it, or delete them');
  }
  return lists.length === 0 || any !== undefined
    ? 'any'
    : mergeDomains(lists.flatMap(({ value }) => (value === 'any' ? [] : value)));
}

/** Judged on what the networks add up to, since halves of everything are everything too. */
function refuseAnySource(settings: Settings, cidrs: Part<string[]>[], say: Say): void {
  if (settings.allowAnySource || !settings.allowedCidrs.includes('0.0.0.0/0')) return;
  const culprit = cidrs.find(({ value }) => mergeNetworks(value).includes('0.0.0.0/0')) ?? cidrs[0];
  const how = culprit?.value.includes('0.0.0.0/0') ? '0.0.0.0/0 allows' : 'The networks together allow';
  if (culprit)
    say(culprit.parameter, `${how} every client there is: expected allow-any-source=yes beside it`);
}

/** A probe that the fleet's own rules refuse would fail on every host, and look like a network's fault there. */
function refuseBarredProbe(settings: Settings, parameters: Parameter[], say: Say): void {
  const { probeUrl, allowedDomains, domainsMode, allowedPorts } = settings;
  const parameter = parameters.find(({ name }) => name === 'probe-url');
  if (probeUrl === null || parameter === undefined) return;
  const { hostname, port, protocol } = new URL(probeUrl);
  const portNumber = Number(port || (protocol === 'https:' ? 443 : 80));
  if (allowedDomains !== 'any' && domainsMode === 'enforce' && !domainsCover(allowedDomains, hostname))
    say(parameter, `${hostname} is not in allowed-domains: add it there, or probe a domain that is`);
  if (!allowedPorts.includes(portNumber))
    say(parameter, `port ${portNumber} is not in allowed-ports: add it there, or probe a port that is`);
}
