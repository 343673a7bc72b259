import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeDomains } from '../../shared/fleet/domains.ts';

const name = fc
  .tuple(fc.boolean(), fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 3 }))
  .map(([below, labels]) => `${below ? '.' : ''}${labels.join('.')}`);

const matches = (domain: string, host: string) =>
  domain.startsWith('.') ? host === domain.slice(1) || host.endsWith(domain) : host === domain;

test('merges into a list that matches the same hosts', () => {
  const host = name.map((domain) => domain.replace(/^\./, ''));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), host, (list, one) => {
      const expected = list.some((domain) => matches(domain, one));
      expect(mergeDomains(list).some((domain) => matches(domain, one))).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test('leaves no entry that another covers', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), (list) => {
      const merged = mergeDomains(list);
      for (const domain of merged) {
        const others = merged.filter((other) => other !== domain);
        expect(others.some((other) => matches(other, domain.replace(/^\./, '')))).toBe(
          // `a.b` alone never covers `.a.b`: it is the wider of the two.
          domain.startsWith('.') && others.includes(domain.slice(1)),
        );
      }
      expect(merged).toEqual([...merged].sort());
    }),
    { numRuns: 2000 },
  );
});

test.each([
  [['example.com', '.example.com'], ['.example.com']],
  [['b.a.example.com', '.example.com', '.x.example.com'], ['.example.com']],
  [
    ['notexample.com', '.example.com'],
    ['.example.com', 'notexample.com'],
  ],
  [
    ['a.example.com', 'example.com'],
    ['a.example.com', 'example.com'],
  ],
])('reduces %j to %j', (list, merged) => {
  expect(mergeDomains(list)).toEqual(merged);
});
