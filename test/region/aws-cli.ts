import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface CliEnding {
  code: number;
  stdout: string;
  stderr: string;
}

const environment = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_DEFAULT_REGION: 'ap-northeast-1',
  AWS_DEFAULT_OUTPUT: 'json',
  AWS_PAGER: '',
};

/** Whether the AWS CLI is there as a Python module, so that one process can take many calls. */
export const hasCliModule = spawnSync('python3', ['-c', 'import awscli.clidriver']).status === 0;

/** The AWS CLI in a process of its own; calls are answered one after another. A start takes it 0.7 s. */
export function startAwsCli(endpoint: string) {
  const driver = fileURLToPath(new URL('aws-cli.py', import.meta.url));
  const child = spawn('python3', [driver], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  const endings = createInterface(child.stdout)[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(...words: string[]): Promise<CliEnding> {
      const ending = last.then(async () => {
        child.stdin.write(`${JSON.stringify(['--endpoint-url', endpoint, ...words])}\n`);
        const { value } = await endings.next();
        return JSON.parse(value as string) as CliEnding;
      });
      last = ending.catch(() => {});
      return ending;
    },
    end: () => void child.stdin.end(),
  };
}
