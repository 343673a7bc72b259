import { requestHandler } from '../region/http.ts';
import type { Wire } from '../region/wire.ts';

interface SignedRequest {
  headers: Record<string, string>;
}

/**
 * What SDK clients take to call the wire of a region in this process. Nobody checks a signature there, so a request
 * only says whose it is and which service it is for: signing takes a tenth of what virtual time costs. Over HTTP, and
 * in the deployed functions, everything is signed.
 */
export function wireClient(wire: Wire, accessKeyId: string, sessionToken?: string) {
  return {
    requestHandler: requestHandler(wire) as never,
    region: 'ap-northeast-1',
    credentials: { accessKeyId, secretAccessKey: 'x' },
    // The SDK makes one with the service's name, for each call.
    signerConstructor: class {
      readonly #scope: string;
      constructor({ service }: { service: string }) {
        this.#scope = `20261124/ap-northeast-1/${service}/aws4_request`;
      }
      async sign(request: SignedRequest) {
        request.headers.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${this.#scope}`;
        if (sessionToken !== undefined) request.headers['x-amz-security-token'] = sessionToken;
        return request;
      }
    },
  };
}
