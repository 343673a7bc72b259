import { spawn } from 'node:child_process';
import type { Balancer } from '../ports.ts';
import { balancerAddress, clientInterfacePrefix, metadataAddress, resolverAddress } from './addresses.ts';

type Routes = Map<number, { address: string; port: number }[]>;

/** A balancer made of nftables in the network namespace of process `pid`. */
export function createBalancer(pid: number): Balancer {
  const routes: Routes = new Map();
  let last: Promise<unknown> = Promise.resolve();

  async function route(port: number, targets: { address: string; port: number }[], reset: string[]) {
    const before = routes.get(port);
    routes.set(port, targets);
    try {
      await inNamespace(pid, ['nft', '-f', '-'], renderRoutes(routes));
    } catch (cause) {
      if (before === undefined) routes.delete(port);
      else routes.set(port, before);
      throw new Error(`routing port ${port} to ${targets.length} targets`, { cause });
    }
    for (const address of reset) await forget(pid, port, address);
  }

  return {
    route(port, targets, reset = []) {
      // One after another: a later switch must never be overtaken by an earlier one.
      const next = last.then(() => route(port, targets, reset));
      last = next.catch(() => {});
      return next;
    },
  };
}

/** What stands in the VPC's namespace from the start: the closed network, and a balancer without targets. */
export const baseRules = `
table ip balancer {
  chain routes {
    type nat hook prerouting priority dstnat; policy accept;
  }
}
table inet closed_network {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "${clientInterfacePrefix}*" ct state new ct status dnat accept
    iifname "vpc" oifname "vpc" accept
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != "${clientInterfacePrefix}*" ip daddr ${metadataAddress} accept
    ip daddr ${balancerAddress} ct state established,related accept
    ip daddr ${balancerAddress} meta l4proto tcp reject with tcp reset
    iifname != "${clientInterfacePrefix}*" accept
    ct state established,related accept
    ip daddr ${resolverAddress} udp dport 53 accept
    reject with icmpx admin-prohibited
  }
}
`;

function renderRoutes(routes: Routes): string {
  const lines = ['flush chain ip balancer routes'];
  for (const [port, targets] of routes) {
    if (targets.length === 0) continue;
    const map = targets.map((target, index) => `${index} : ${target.address} . ${target.port}`).join(', ');
    lines.push(
      `add rule ip balancer routes ip daddr ${balancerAddress} tcp dport ${port} ` +
        `dnat ip to numgen inc mod ${targets.length} map { ${map} }`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Forgets the established flows to a target. With tracking not loose, the next packet of such a flow belongs
 * to no connection any more, and the base rules answer it with a reset, whichever side it comes from.
 */
async function forget(pid: number, port: number, address: string): Promise<void> {
  const match = ['-p', 'tcp', '--orig-dst', balancerAddress, '--orig-port-dst', String(port)];
  try {
    await inNamespace(pid, ['conntrack', '-D', ...match, '--reply-src', address]);
  } catch (cause) {
    // It also exits with an error when there was nothing to forget.
    const nothing = cause instanceof Error && cause.message.includes('0 flow entries');
    if (!nothing) throw new Error(`resetting the flows to ${address}`, { cause });
  }
}

function inNamespace(pid: number, command: string[], input = ''): Promise<void> {
  const child = spawn('nsenter', ['-t', String(pid), '-n', ...command], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command.join(' ')}: ${errors.trim()}`)),
    );
  });
}
