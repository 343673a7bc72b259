/** The fleets whose squid.conf is kept under golden/. */
export const variants: Record<string, Record<string, string | null>> = {
  least: {},
  'many-sites': {
    'allowed-cidrs': '10.20.0.0/16,10.20.4.0/24 10.21.0.0/16',
    'allowed-cidrs/osaka': '192.168.8.0/25\n192.168.8.128/25',
    'allowed-cidrs/tokyo': '172.31.0.0/24,',
    port: '8080',
    'probe-url': 'https://s3.ap-northeast-1.amazonaws.com/',
  },
  'domains-enforced': {
    'allowed-domains': '.amazonaws.com,s3.amazonaws.com',
    'allowed-domains/packages': 'example.com .deb.example.com',
    'private-destinations': '10.0.8.0/22 fd12:3456::/32',
    'allowed-ports': '443,80,8443,443',
  },
  'domains-reported': {
    'allowed-domains': '.amazonaws.com',
    'domains-mode': 'report',
    'extra-directives':
      'access_log stdio:/var/log/squid/other.log\naccess_log stdio:/var/log/squid/c.log combined',
  },
  tuned: {
    'extra-directives': [
      'access_log stdio:/var/log/squid/short.log short',
      'logformat short %ts.%03tu %>a %rm %ru %>Hs',
      'connect_timeout 10 seconds',
      'dns_timeout 5 seconds',
      'shutdown_lifetime 1 second',
      'max_filedescriptors 32768',
      'visible_hostname proxy.example.com',
      'dns_nameservers 10.0.0.2 fd00::2',
    ].join('\n'),
  },
  'any-source': { 'allowed-cidrs': '0.0.0.0/0', 'allow-any-source': 'yes' },
  'no-source': {
    'allowed-cidrs': 'none',
    'allowed-ports': '80',
    'private-destinations': '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7',
  },
};
