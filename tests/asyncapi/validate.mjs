// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0
// usage: node validate.mjs FILE: parses an AsyncAPI document and prints what is wrong with it, one line each. Exit 1 on any error.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const [file] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const errors = diagnostics.filter((d) => d.severity === 0);
for (const d of diagnostics)
	console.log(`${["error", "warning", "info", "hint"][d.severity]} line ${d.range.start.line + 1} ${d.path.join(".")}: ${d.message}`);
if (errors.length > 0 || !document)
	process.exit(1);
console.log(`asyncapi ${document.version()}: ${document.channels().length} channels, ${document.operations().length} operations, ${document.messages().length} messages`);
