/* Prints the errors of an AsyncAPI document as the official parser finds them, and its numbers of channels and messages. */
import {readFileSync} from "node:fs";
import asyncapi from "@asyncapi/parser";

const {document, diagnostics} = await new asyncapi.Parser().parse(readFileSync(process.argv[2], "utf8"));
const errors = diagnostics.filter(({severity}) => severity === 0).map(({message, path}) => `${path.join(".")}: ${message}`);
console.log(JSON.stringify({
  errors, channels: document?.channels().all().length, messages: document?.components().messages().all().length,
}));
