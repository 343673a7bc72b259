import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** README.ja.md says the same as README.md: the same sections in the same order, the same commands and links. */

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const [english, japanese] = [read('README.md'), read('README.ja.md')];

const fence = /^```(\w*)\n([\s\S]*?)^```$/gm;
const prose = (text: string) => text.replaceAll(fence, '');
const headings = (text: string) => [...prose(text).matchAll(/^#+(?= )/gm)].map(([level]) => level);
/** Kind and place of each block; of commands and of what they print, every character. */
const blocks = (text: string) => {
  const sections = text.split(/^##+ /m);
  return sections.flatMap((section, at) =>
    [...section.matchAll(fence)].map(([, kind, body = '']) => ({
      ...{ section: at, kind },
      body: /[│┌└]/.test(body) ? 'a drawing' : body,
    })),
  );
};
const links = (text: string) => [...prose(text).matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
const code = (text: string) => [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, inside]) => inside);

test('README.ja.md has the headings of README.md, in their order', () => {
  expect(headings(japanese)).toEqual(headings(english));
});

test('README.ja.md has the blocks of README.md, each in its section', () => {
  expect(blocks(japanese)).toEqual(blocks(english));
});

test('README.ja.md has the links of README.md', () => {
  const other = /^README(\.ja)?\.md$/;
  const without = (list: (string | undefined)[]) =>
    new Set(list.filter((target) => !other.test(target ?? '')));
  expect(without(links(japanese))).toEqual(without(links(english)));
});

test('README.ja.md names every command, value and path that README.md names', () => {
  expect(new Set(code(japanese))).toEqual(new Set(code(english)));
});

test('README.ja.md is Japanese throughout', () => {
  const paragraphs = prose(japanese)
    .split(/\n{2,}/)
    .filter((text) => text.length > 80);
  expect(paragraphs.length).toBeGreaterThan(15);
  expect(paragraphs.filter((text) => !/[ぁ-ん]/.test(text))).toEqual([]);
});
