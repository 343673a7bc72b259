import * as sts from '@aws-sdk/client-sts';
import { account, region, type Service } from '../service.ts';

export const callerIdentity: Service = {
  name: 'sts',
  model: sts,
  client: new sts.STSClient({ region }),
  operations: {
    GetCallerIdentity: (_, { identity, accessKeyId }) => ({
      Account: account,
      Arn: identity,
      UserId: identity.endsWith(':root') ? account : `${accessKeyId}:${identity.split('/').at(-1)}`,
    }),
  },
};
