import { refusedAlways, refusedPrivate } from './destinations.ts';
import type { Settings } from './settings.ts';

/** The name that asks a worker which config it runs. `.invalid` never resolves, so no real request has it. */
const generationHost = 'config-generation.invalid';

const hostAddressesFile = '/etc/squid/shoal/host-addresses';
/** Stands in the marker while the file's own hash is taken. */
export const zeroHash = '0'.repeat(64);

/** The lines of a whole squid.conf, the marker's hash still zeros. */
export function squidConfLines(settings: Settings): string[] {
  const sections = [heading, listening, sources, destinations, rules, behaviour, logging, surroundings];
  return [...sections.flatMap((section) => section(settings)), '# shoal end'];
}

function heading(): string[] {
  return ['# Rendered by Shoal from the parameters of the fleet: edits made here are lost.', ''];
}

/** Part of the file so that another one of these is another config: one to prove with, or to refuse. */
function surroundings({ probeUrl, targetGroupArn }: Settings): string[] {
  return [`# Proven through: ${probeUrl ?? 'no probe-url'}`, `# Registered with: ${targetGroupArn}`];
}

function listening(settings: Settings): string[] {
  return [
    '# While one worker rereads this file the other answers, so that no connection is refused.',
    'workers 2',
    '# Keep-alives come well within the 350 s after which a balancer forgets an idle tunnel.',
    `http_port ${settings.port} tcpkeepalive=60,30,3`,
    '',
  ];
}

function sources(settings: Settings): string[] {
  return [
    '# Answers on this host alone, and says which config each worker runs.',
    `acl generation dstdomain -n ${generationHost}`,
    `deny_info 302:http://${generationHost}/sha256-${zeroHash}-w\${process_number} generation`,
    '',
    '# The clients. Merged and in order, because Squid ignores one of two networks that overlap.',
    ...settings.allowedCidrs.flatMap(halved).map((network) => `acl allowed_src src ${network}`),
    '',
  ];
}

function destinations(settings: Settings): string[] {
  const tlsPorts = settings.allowedPorts.filter((port) => port !== 80);
  const domains = settings.allowedDomains === 'any' ? [] : settings.allowedDomains;
  return [
    `acl web_port port ${settings.allowedPorts.join(' ')}`,
    ...(tlsPorts.length > 0 ? [`acl tls_port port ${tlsPorts.join(' ')}`] : []),
    '',
    '# Loopback, link-local, metadata, multicast, and IPv6 forms with an IPv4 address inside.',
    ...refusedAlways.map((network) => `acl refused_always dst ${network}`),
    "# This host's own addresses, kept up to date on the host itself.",
    `acl refused_host dst "${hostAddressesFile}"`,
    '# Private networks but for those that private-destinations names.',
    ...refusedPrivate(settings.privateDestinations).map((network) => `acl refused_private dst ${network}`),
    ...(domains.length > 0 ? ['', '# Without -n an address would be looked up backwards first.'] : []),
    ...domains.map((domain) => `acl allowed_dst dstdomain -n ${domain}`),
    '',
  ];
}

function rules(settings: Settings): string[] {
  const allowsSources = settings.allowedCidrs.length > 0;
  const refusesPrivate = refusedPrivate(settings.privateDestinations).length > 0;
  return [
    '# The access log says by which of these a request was refused: by the parameter that lets it through, if one does.',
    ...refusals.map((rule) => `acl by_${rule.replaceAll('-', '_')} annotate_transaction rule=${rule}`),
    'http_access allow localhost manager',
    refuse('manager', 'always'),
    'http_access deny localhost generation',
    '# First of all by source, so that a stranger costs no look-up. The host proves itself from localhost.',
    refuse(`${allowsSources ? '!allowed_src ' : ''}!localhost`, 'allowed-cidrs'),
    refuse(
      settings.allowedPorts.some((port) => port !== 80) ? 'CONNECT !tls_port' : 'CONNECT',
      'allowed-ports',
    ),
    refuse('!web_port', 'allowed-ports'),
    refuse('refused_always', 'always'),
    refuse('refused_host', 'always'),
    ...(refusesPrivate ? [refuse('refused_private', 'private-destinations')] : []),
    ...domainRules(settings),
    'http_access allow localhost',
    ...(allowsSources ? ['http_access allow allowed_src'] : []),
    'http_access deny all',
    '',
  ];
}

const refusals = [
  'allowed-cidrs',
  'allowed-ports',
  'allowed-domains',
  'private-destinations',
  'always',
] as const;

/** An annotation always matches, and comes last, so that only what is refused gets it. */
function refuse(what: string, rule: (typeof refusals)[number]): string {
  return `http_access deny ${what} by_${rule.replaceAll('-', '_')}`;
}

function domainRules(settings: Settings): string[] {
  if (settings.allowedDomains === 'any') return [];
  const enforced = refuse('!allowed_dst', 'allowed-domains');
  if (settings.domainsMode === 'enforce') return [enforced];
  return [
    '# domains-mode report: this never matches (!all), but the log has its rule by then.',
    `${enforced} !all`,
  ];
}

function behaviour(settings: Settings): string[] {
  const defaults = [
    'max_filedescriptors 65536',
    'dns_timeout 3 seconds',
    'shutdown_lifetime 2 seconds',
    // Without it Squid looks its own host's name up at every start, and waits where DNS is dead.
    'visible_hostname shoal',
  ];
  const named = new Set(settings.extraDirectives.map(directiveName));
  return [
    '# A gateway and no cache: nothing of what passes is kept.',
    'cache deny all',
    'cache_mem 8 MB',
    '# One that closes an idle connection in the very moment of a request would cost a client a 502.',
    'server_persistent_connections off',
    '# Destinations need not learn the addresses behind the proxy.',
    'forwarded_for delete',
    'pinger_enable off',
    'logfile_rotate 0',
    ...defaults.filter((line) => !named.has(directiveName(line))),
    ...settings.extraDirectives.filter((line) => directiveName(line) !== 'access_log'),
    '',
  ];
}

function logging(settings: Settings): string[] {
  const own = settings.extraDirectives.filter((line) => directiveName(line) === 'access_log');
  const logs = own.length > 0 ? own : ['access_log stdio:/var/log/squid/access.log'];
  return [
    "# Squid's own format, and last the rule that refused the request, or would have in domains-mode report.",
    'logformat shoal %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt %{rule}note',
    '# stdio needs no helper process.',
    ...logs.map((line) => (/ stdio:\S+ \S/.test(line) ? line : `${line} shoal`)),
    '',
  ];
}

/** Squid takes 0.0.0.0/0 for `all`, which has IPv6 clients in it too; its halves mean what was written. */
function halved(network: string): string[] {
  return network === '0.0.0.0/0' ? ['0.0.0.0/1', '128.0.0.0/1'] : [network];
}

function directiveName(line: string): string {
  return line.split(' ', 1)[0] ?? '';
}
