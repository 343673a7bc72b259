import { domainToASCII } from 'node:url';
import { shown } from './plain.ts';

/** A domain as squid.conf takes it, or what is wrong with how it was written. */
export type DomainReading = { domain: string } | { problem: string };

/** Reads `example.com` (that name alone) or `.example.com` (it and all below it), in any case. */
export function readDomain(text: string): DomainReading {
  const domain = text.toLowerCase();
  if (isDomain(domain)) return { domain };
  const problem = `${shown(text)} is no domain (a URL, port, address or wildcard isn't either)`;
  const meant = withoutDecoration(domain);
  const expected = isDomain(meant) ? meant : 'example.com, or .example.com for it and all below it';
  return { problem: `${problem}: expected ${expected}` };
}

/** Drops what another entry covers (Squid refuses a subdomain beside its parent) and sorts the rest. */
export function mergeDomains(domains: string[]): string[] {
  const wanted = new Set(domains);
  return [...wanted].filter((domain) => !coveringParents(domain).some((p) => wanted.has(p))).sort();
}

/** Whether a request to this host would pass the list. */
export function domainsCover(domains: string[], host: string): boolean {
  return domains.includes(host) || coveringParents(host).some((parent) => domains.includes(parent));
}

/** Every other entry that would cover this one: `.a.b` and `.b` for `a.b`, and `.b` for `.a.b`. */
function coveringParents(domain: string): string[] {
  const labels = domain.replace(/^\./, '').split('.');
  const all = labels.map((_, index) => `.${labels.slice(index).join('.')}`);
  return all.filter((parent) => parent !== domain);
}

/** A name whose last label is a number is an IPv4 address, and Squid would take it for one. */
function isDomain(text: string): boolean {
  const labels = text.replace(/^\./, '').split('.');
  // A name of one label must have its dot, so that `any` and `none` in a list are no domains.
  const valid =
    text.includes('.') && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  return valid && text.length <= 254 && !/^[0-9]+$/.test(labels.at(-1) ?? '');
}

/** What was probably meant by a URL, `name:443`, `*.name`, `name.` or a name outside ASCII. */
function withoutDecoration(domain: string): string {
  const host = domain.replace(/^[a-z]+:\/\//, '').replace(/[:/].*$/s, '');
  const bare = host.replace(/^\*\./, '.').replace(/\.$/, '');
  return bare.startsWith('.') ? `.${domainToASCII(bare.slice(1))}` : domainToASCII(bare);
}
