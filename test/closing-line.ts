import { existsSync, readFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Ends a run with one line, `N passed, N failed, N skipped`, after everything else that is printed. What
 * kept tests from running counts as failed: a file or hook that throws, an error that nothing caught, and
 * on a machine that can have real hosts also a test of real hosts that was skipped.
 */
export default class ClosingLine implements Reporter {
  #filtered = false;
  #counts = { passed: 0, failed: 1, skipped: 0 };
  #skippedHosts: string[] = [];

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined;
    process.on('exit', () => this.#print());
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[], reason: string): void {
    const hostsExpected = !this.#filtered && canHaveHosts();
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    this.#skippedHosts = [];
    for (const module of modules) {
      const suites = [...module.children.allSuites()];
      counts.failed += module.errors().length + suites.flatMap((suite) => suite.errors()).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') counts[state] += 1;
        else if (hostsExpected && module.moduleId.endsWith('.host.test.ts'))
          this.#skippedHosts.push(test.fullName);
        else counts.skipped += 1;
      }
    }
    counts.failed += this.#skippedHosts.length;
    // Whatever else vitest found wrong, e.g. that there is no test at all.
    if (reason !== 'passed' && counts.failed === 0) counts.failed = 1;
    this.#counts = counts;
  }

  #print(): void {
    const { passed, failed, skipped } = this.#counts;
    if (failed > 0 && !process.exitCode) process.exitCode = 1;
    for (const name of this.#skippedHosts) console.log(`skipped, though real hosts can be had here: ${name}`);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}

/** Root with CAP_SYS_ADMIN on Debian, where set-up has installed whatever real hosts need. */
function canHaveHosts(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${capabilities}`) >> 21n) & 1n) === 1n;
}
