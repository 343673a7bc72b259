// Runs inside a function's process, where AWS has its runtime client: loads the handler and calls it for
// each event. It is plain JavaScript so that the process starts as fast as Lambda's own, without a type
// stripper in the measured start.
import { existsSync } from 'node:fs';
import { format } from 'node:util';

const { env } = process;
const send = process.send.bind(process);
// A function that asks whether somebody forked it must not see the region's channel.
process.send = undefined;
// The region is gone, so nobody reads what this process would still do.
process.on('disconnect', () => process.exit(0));

let requestId = '';
for (const [method, level] of Object.entries({
  log: 'INFO',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
  debug: 'DEBUG',
})) {
  console[method] = (...values) => {
    const text = format(...values).replaceAll('\n', '\r');
    process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
  };
}

try {
  const handler = await load(env._HANDLER);
  process.on('message', (message) => void invoke(handler, message));
  send({ ready: true });
} catch (error) {
  send({ initError: describe(error) });
}

async function load(handler) {
  const path = handler.slice(0, handler.lastIndexOf('.'));
  const name = handler.slice(handler.lastIndexOf('.') + 1);
  const file = ['.mjs', '.js', '.cjs'].map((end) => `${env.LAMBDA_TASK_ROOT}/${path}${end}`).find(existsSync);
  if (!file) throw named('Runtime.ImportModuleError', `Error: Cannot find module '${path}'`);
  const module = await import(file);
  const loaded = module[name] ?? module.default?.[name];
  if (typeof loaded === 'function') return loaded;
  throw named('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
}

async function invoke(handler, message) {
  requestId = message.requestId;
  const context = {
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: message.arn,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, message.deadline - Date.now()),
  };
  let answer;
  try {
    answer = { result: JSON.stringify(await handler(message.event, context)) ?? 'null' };
  } catch (error) {
    answer = { error: describe(error) };
    console.error('Invoke Error', JSON.stringify(answer.error));
  }
  // The log travels on another pipe: this line tells the region that it has read all of it.
  process.stdout.write(`${message.endOfLog}\n`);
  send(answer);
}

function named(name, message) {
  return Object.assign(new Error(message), { name });
}

function describe(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}
