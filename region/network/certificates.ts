import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { s3Name } from './addresses.ts';

const run = promisify(execFile);

/** Makes the region's own certificate authority (`ca.pem`) and S3's certificate (`s3.pem`, `s3.key`). */
export async function createCertificates(directory: string): Promise<void> {
  const at = (name: string) => join(directory, name);
  await writeFile(at('openssl.cnf'), configuration);
  const openssl = (...args: string[]) =>
    run('openssl', args, { env: { ...process.env, OPENSSL_CONF: at('openssl.cnf') } });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    await openssl(
      ...['req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '30'],
      ...['-subj', '/CN=Shoal local region', '-extensions', 'authority'],
    );
    await openssl('req', ...newKey, '-keyout', at('s3.key'), '-out', at('s3.csr'), '-subj', `/CN=${s3Name}`);
    await openssl(
      ...['x509', '-req', '-in', at('s3.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
      ...['-CAcreateserial', '-out', at('s3.pem'), '-days', '30'],
      ...['-extfile', at('openssl.cnf'), '-extensions', 'endpoint'],
    );
  } catch (cause) {
    throw new Error('making the certificates of the region with openssl', { cause });
  }
}

// Key identifiers are there because Python's strict verification wants them.
const configuration = `[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[endpoint]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:${s3Name}, DNS:*.${s3Name}
`;
