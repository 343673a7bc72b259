import { expect, test } from 'vitest';
import { compilePattern } from '../../region/event-pattern.ts';

const event = {
  source: 'aws.ssm',
  'detail-type': 'Parameter Store Change',
  resources: ['arn:one', 'arn:two'],
  detail: { name: '/shoal/demo/port', operation: 'Update', empty: '', nothing: null, count: 3, tags: [] },
};

test.each([
  [{ source: ['aws.ssm'] }, true],
  [{ source: ['aws.ec2'] }, false],
  [{ source: ['aws.ec2', 'aws.ssm'] }, true],
  [{ source: ['aws.ssm'], detail: { operation: ['Delete'] } }, false],
  [{ resources: ['arn:two'] }, true],
  [{ resources: ['arn:three'] }, false],
  [{ detail: { name: [{ prefix: '/shoal/' }] } }, true],
  [{ detail: { name: [{ prefix: '/shoal-state/' }] } }, false],
  [{ detail: { name: [{ suffix: '/port' }] } }, true],
  [{ detail: { name: [{ suffix: '/ports' }] } }, false],
  [{ detail: { operation: [{ 'equals-ignore-case': 'UPDATE' }] } }, true],
  [{ detail: { operation: [{ 'anything-but': 'Delete' }] } }, true],
  [{ detail: { operation: [{ 'anything-but': ['Delete', 'Update'] }] } }, false],
  [{ detail: { name: [{ 'anything-but': { prefix: '/other/' } }] } }, true],
  [{ detail: { name: [{ 'anything-but': { prefix: '/shoal/' } }] } }, false],
  [{ detail: { absent: [{ 'anything-but': 'x' }] } }, false],
  [{ detail: { name: [{ exists: true }] } }, true],
  [{ detail: { absent: [{ exists: true }] } }, false],
  [{ detail: { absent: [{ exists: false }] } }, true],
  [{ detail: { absent: { deeper: [{ exists: false }] } } }, true],
  [{ detail: { absent: { deeper: ['x'] } } }, false],
  [{ detail: { nothing: [null] } }, true],
  [{ detail: { count: [3] } }, true],
  [{ detail: { count: ['3'] } }, false],
  [{ detail: { empty: [''] } }, true],
  [{ detail: { count: [{ prefix: '3' }] } }, false],
  [{ $or: [{ source: ['a'] }, { detail: { count: [3] } }] }, true],
  [{ $or: [{ source: ['a'] }, { detail: { count: [4] } }] }, false],
  [{ source: ['a'], $or: [{ source: ['a'] }, { detail: { count: [3] } }] }, false],
  [{ detail: { $or: [{ operation: ['Delete'] }, { count: [3] }], name: [{ prefix: '/' }] } }, true],
  [{ detail: { $or: [{ operation: ['Delete'] }, { absent: [{ exists: true }] }] } }, false],
])('the pattern %j matches: %s', (pattern, expected) => {
  expect(compilePattern(pattern)(event)).toBe(expected);
});

test.each([
  [{}],
  [{ source: 'aws.ssm' }],
  [{ source: [] }],
  [{ source: [{ numeric: ['>', 1] }] }],
  [{ source: [{ prefix: 3 }] }],
  [{ source: [{ prefix: 'a', suffix: 'b' }] }],
  [{ $or: [{ source: ['a'] }] }],
])('the pattern %j is refused', (pattern) => {
  expect(() => compilePattern(pattern)).toThrow(/Event pattern/);
});
