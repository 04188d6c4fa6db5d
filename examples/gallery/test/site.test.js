import assert from 'node:assert/strict'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const site = fileURLToPath(new URL('../site/', import.meta.url))
const files = (await readdir(site, { recursive: true })).sort()
const pages = await Promise.all(
  files.filter((file) => file.endsWith('.html')).map(async (name) => ({ name, html: await readFile(join(site, name), 'utf8') })),
)
const tags = (html, name) => html.match(new RegExp(`<${name}\\b[^>]*>`, 'g')) ?? []
const attribute = (tag, name) => tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1]

test('every link, picture, style and script of every page is there', () => {
  const known = new Set(files.map((file) => `/${file}`))
  for (const { name, html } of pages) {
    const targets = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map((match) => match[1])
    assert.ok(targets.length > 5, name)
    for (const target of targets.filter((target) => !target.startsWith('#') && !target.startsWith('/api/'))) {
      const { pathname } = new URL(target, `http://site/${name}`)
      assert.ok(pathname === '/' || known.has(pathname), `${name} refers to ${target}`)
    }
  }
})

test('every page has a language, a title, a description, one main heading and a viewport', () => {
  const titles = new Set()
  for (const { name, html } of pages) {
    assert.match(html, /<html lang="en">/, name)
    assert.match(html, /<meta name="viewport"/, name)
    assert.match(html, /<meta name="description" content=".+">/, name)
    assert.equal(tags(html, 'h1').length, 1, name)
    titles.add(html.match(/<title>(.+)<\/title>/)[1])
  }
  assert.equal(titles.size, pages.length)
})

test('every picture says what it shows and how large it is, so that nothing jumps while loading', () => {
  for (const { name, html } of pages) {
    for (const tag of tags(html, 'img')) {
      assert.notEqual(attribute(tag, 'alt'), undefined, `${name}: ${tag}`)
      assert.match(`${attribute(tag, 'width')}x${attribute(tag, 'height')}`, /^\d+x\d+$/, `${name}: ${tag}`)
    }
    for (const [, inside] of html.matchAll(/<figure>([\s\S]*?)<\/figure>/g)) {
      assert.ok(attribute(tags(inside, 'img')[0], 'alt').length > 10, name)
    }
  }
})

test('nothing is loaded from elsewhere and nothing runs inline', () => {
  for (const { name, html } of pages) {
    assert.doesNotMatch(html, /\s(?:href|src)="(?:https?:)?\/\//, name)
    assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|\son\w+="|\sstyle="/, name)
  }
})

test('the whole site weighs less than 1.5 MB, the first page less than 200 kB', async () => {
  const sizes = new Map(await Promise.all(files.map(async (file) => [file, (await stat(join(site, file))).size])))
  assert.ok([...sizes.values()].reduce((sum, size) => sum + size, 0) < 1_500_000)
  const { html } = pages.find((page) => page.name === 'index.html')
  const loaded = new Set(['index.html', 'style.css', 'app.js', ...tags(html, 'img').map((tag) => attribute(tag, 'src'))])
  assert.ok([...loaded].reduce((sum, file) => sum + sizes.get(file), 0) < 200_000)
})

test('the health page is there', async () => {
  assert.equal(await readFile(join(site, 'healthz'), 'utf8'), 'ok\n')
})
