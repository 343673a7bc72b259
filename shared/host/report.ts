import { isIP } from 'node:net';
import * as v from 'valibot';
import { plain, shown } from '../fleet/plain.ts';

/** A host may be in anybody's hands: its words are shown to people and kept in the fleet's state. */
const words = v.pipe(
  v.string(),
  v.transform((text) => plain(text).slice(0, 400)),
);
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const intent = v.pipe(v.string(), v.regex(/^[0-9]{1,15}[.][0-9]{1,15}[.][0-9]{1,3}$/));
/** `10.0.0.1,7`: of those in one /24, the first is whole. What isn't an address is left out, and counts as not named. */
const addresses = v.pipe(
  v.array(v.string()),
  v.transform((list) => list.flatMap(ofOneNet).filter((one) => isIP(one) !== 0 && !one.includes('%'))),
);

/**
 * What the host script prints: one compact JSON line under 1,900 bytes, and nothing else on standard
 * output (aws:runShellScript keeps the first 2,500 characters of a plugin's output).
 */
const Report = v.object({
  mode: v.picklist(['apply', 'check', 'connections']),
  /**
   * - `proven`: every worker runs the file and the proof passed (also when nothing had to be changed).
   * - `rejected`: the file is wrong; found before the serving Squid was touched (decode, parse, trial).
   * - `restored`: swapped in, failed there, the previous file is back in force and proven.
   * - `failed`: what runs now is not proven: nothing serves, or not what it should.
   * - `unable`: the host is in the way (disk, directory, port, package); nothing was changed.
   * - `busy`: another run held the lock for 20 s. `superseded`: a higher intent was accepted before.
   * - `unproven` (check only): what runs does not pass the proof; `reason` says which part.
   */
  outcome: v.picklist([
    'proven',
    'rejected',
    'restored',
    'failed',
    'unable',
    'busy',
    'superseded',
    'unproven',
  ]),
  /**
   * Where the run ended: lock, intent, install, decode, parse, trial, swap, start, proof, restore, done.
   * `failed` in `start` says that a host which served nothing before could not be made to serve.
   */
  phase: words,
  /** In words, for people; empty when all is well. At most 400 bytes. */
  reason: words,
  /** The generation that every worker answers with; null when none answers or they differ. */
  running: v.nullable(sha256),
  /** The sha256 of the file on disk (marker zeroed); null when there is none or it is not whole. */
  file: v.nullable(sha256),
  /** The last intent accepted, `epoch.version.rank`. */
  intent: v.nullable(intent),
  /** A Squid runs and the port belongs to it. */
  serving: v.boolean(),
  /** What the probe said of the file that was to be applied, else of what runs; `none` when it was not asked. */
  probe: v.picklist(['ok', 'failed', 'none']),
  /**
   * The probe fails without the file's doing: through the previous file too, or on a file proven here before.
   * It is no verdict then, so the outcome can be `proven` with a failed probe.
   */
  probeFailedBefore: v.optional(v.boolean()),
  /**
   * When this host was first proven on the file that it was proven on last, epoch seconds by its own clock: a
   * later run of the same file leaves it. Not there before the first proof.
   */
  provenSince: v.optional(v.number()),
  /** How the change was made: nothing to do, Squid started, reconfigured or restarted. */
  change: v.optional(v.picklist(['none', 'start', 'reconfigure', 'restart'])),
  /**
   * Mode `apply`, proven, unless they are to be kept: how many connections were closed because the file doesn't
   * allow their client. `kept` says that at least one that should have been is still open: the kernel cannot.
   */
  closed: v.optional(v.number()),
  tunnels: v.optional(v.picklist(['closed', 'kept'])),
  /**
   * Mode `check`: the addresses that hold a connection which has carried a request, allowed or not, each once,
   * and how many there are in all. At most 700 bytes of them are named (40 where each is in a /24 of its own, 180 in
   * one), in no order.
   */
  clients: v.optional(addresses),
  clientsTotal: v.optional(v.number()),
  /**
   * Mode `check`, where the file on disk is not the one that was proven here last: the first lines in which they
   * differ, as `diff` has them, three at most and at most 99 bytes of each; base64, and empty where nothing is kept
   * to compare with.
   */
  differs: v.optional(v.string()),
  /** Mode `connections`: established client connections on the port, health checks left out. */
  connections: v.optional(v.number()),
  /** Mode `connections`: when draining began on this host (its first `connections` call), epoch seconds. */
  drainingSince: v.optional(v.number()),
  squid: v.optional(words),
  ms: v.optional(v.record(v.string(), v.number())),
});

function ofOneNet(text: string): string[] {
  const [first = '', ...others] = text.split(',');
  const net = first.slice(0, first.lastIndexOf('.') + 1);
  return [first, ...others.map((last) => net + last)];
}

export type HostReport = v.InferOutput<typeof Report>;

/** Reads a report. Returns an error text instead when the output is not one. */
export function parseReport(stdout: string): HostReport | string {
  const line = stdout.trim();
  if (line === '') return 'the host printed nothing';
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `the host printed something that is no report: ${shown(line)}`;
  }
  const parsed = v.safeParse(Report, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  return plain(`the host's report has a wrong ${v.getDotPath(issue) ?? 'shape'}: ${issue.message}`).slice(
    0,
    400,
  );
}
