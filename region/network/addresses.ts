/**
 * The addresses of the region. It uses 10.0.0.0/8 and documentation space only, so that every other private
 * network can stand for an on-premises one. None of them exists outside the region's own namespaces.
 */
export const routerAddress = '10.0.0.1';
/** A VPC's resolver answers at the network's base plus two. */
export const resolverAddress = '10.0.0.2';
export const balancerAddress = '10.0.0.10';
export const vpcPrefixLength = 16;
export const s3Address = '203.0.113.10';
export const metadataAddress = '169.254.169.254';
export const s3Name = 's3.ap-northeast-1.amazonaws.com';
/** How interfaces towards on-premises clients begin; the closed network's rules match on it. */
export const clientInterfacePrefix = 'client';

const hostsPerZone = 16 * 200;

/** The private address of the nth host of a zone, whose last letter says which of the zones it is. */
export function hostAddress(zone: string, nth: number): string {
  const zoneIndex = zone.charCodeAt(zone.length - 1) - 'a'.charCodeAt(0);
  if (!(zoneIndex >= 0 && zoneIndex < 15)) throw new Error(`${zone} is no availability zone`);
  const inZone = nth % hostsPerZone;
  return `10.0.${16 * (zoneIndex + 1) + Math.floor(inZone / 200)}.${10 + (inZone % 200)}`;
}
