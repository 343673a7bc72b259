import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bed, config, launchServing, openBed } from '../host/bed.ts';
import { templateRegion } from './fleet-bed.ts';

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

/** What infra/fleet.yml has an instance run at its first boot. */
async function userData(): Promise<string> {
  const region = templateRegion();
  const { LaunchTemplateData } = region.deployFleet().resource('LaunchTemplate').properties;
  await region.close();
  return Buffer.from(LaunchTemplateData.UserData, 'base64').toString();
}

test("a flood of requests never grows Squid's logs past two files", async () => {
  const host = await launchServing(bed, config());
  // The stand-in for systemctl knows no timer, so the test is the one that starts the service.
  const script = (await userData()).replace('-size +256M', '-size +64k');
  await host.shell(
    `cat >/tmp/user-data <<'USER-DATA'\n${script}\nUSER-DATA\nbash /tmp/user-data 2>&1 || true`,
  );
  const look = await host.shell("sed -n 's/^ExecStart=//p' /etc/systemd/system/squid-logs.service");
  const longPath = 'x'.repeat(300);
  const bytes: number[] = [];
  for (const round of [1, 2, 3, 4, 5]) {
    // Refused at once, and yet a line each; half of them while the log is looked at.
    const flood = `curl -s -o /dev/null -x http://127.0.0.1:3128 'http://169.254.169.254/${round}-[1-400]${longPath}'`;
    await host.shell(`${flood}; ${flood} & ${look}; wait`);
    bytes.push(Number(await host.shell('cat /var/log/squid/access.log* | wc -c')));
  }
  const inOneRound = 800 * 500;
  expect(bytes.at(0)).toBeGreaterThan(64 * 1024);
  expect(Math.max(...bytes)).toBeLessThan(2 * (64 * 1024 + inOneRound));
  // Every worker writes to the file that is there, so the last round is in the log as a whole.
  expect(await host.shell('cat /var/log/squid/access.log* | grep -c 169.254.169.254/5-')).toBe('800');
  expect(await host.serves()).toHaveLength(1);
});
