// Check every field of the manifests against the published schemas, and record their digests.
//
// In an empty folder, for example _build/schemas:
//   npm install @kubernetes-models/istio@3.0.1 @kubernetes-models/traefik@2.0.0 @kubernetes-models/gateway-api@2.0.0
//   npm install --prefix core kubernetes-models@4.5.1
//   node ../../checks/snippets/kubernetes/validate.mjs
//
// The schemas know the types and the required fields. A field that they do not know is one that they never read.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PYTHON = resolve(HERE, "../../../.venv/bin/python");
const READ = `import json, pathlib, sys, yaml
files = sorted(set(pathlib.Path(sys.argv[1]).glob("*.yaml")) - {pathlib.Path(sys.argv[1], "traefik-values.yaml")})
print(json.dumps({path.name: list(yaml.safe_load_all(path.read_text())) for path in files}))`;
const PACKAGES = {
    "networking.istio.io": "node_modules/@kubernetes-models/istio",
    "traefik.io": "node_modules/@kubernetes-models/traefik",
    "gateway.networking.k8s.io": "node_modules/@kubernetes-models/gateway-api",
};

async function validator(group, version, kind) {
    const root = resolve(PACKAGES[group] ?? "core/node_modules/kubernetes-models");
    const model = readFileSync(join(root, group, version, `${kind}.js`), "utf8");
    const [name] = [...model.matchAll(/_schemas\/([A-Za-z0-9]+)/g)].map((found) => found[1]).filter((found) => found.endsWith(kind));
    const file = ["mjs", "js"].map((end) => join(root, "_schemas", `${name}.${end}`)).find(existsSync);
    const loaded = await import(pathToFileURL(file));
    return loaded.validate ?? loaded.default.validate;
}

function watched(value, path, read) {
    if (!value || typeof value !== "object") return value;
    return new Proxy(value, {
        get(target, key) {
            if (Object.hasOwn(target, key)) read.add(`${path}/${String(key)}`);
            return watched(target[key], `${path}/${String(key)}`, read);
        },
    });
}

const fields = (value, path) =>
    !value || typeof value !== "object" ? [] : Object.entries(value).flatMap(([key, inner]) => [`${path}/${key}`, ...fields(inner, `${path}/${key}`)]);

let wrong = 0;
const files = {};
for (const [file, entries] of Object.entries(JSON.parse(execFileSync(PYTHON, ["-c", READ, HERE])))) {
    for (const entry of entries) {
        const [group, version] = entry.apiVersion.includes("/") ? entry.apiVersion.split("/") : ["", entry.apiVersion];
        const validate = await validator(group, version, entry.kind);
        const read = new Set();
        const problems = validate(watched(entry, "", read)) ? [] : validate.errors.map((error) => `${error.instancePath}: ${error.keyword}`);
        const free = /^\/metadata\/(labels|annotations|name)/; // names that the schema does not list
        problems.push(...fields(entry, "").filter((field) => !read.has(field) && !free.test(field)).map((field) => `${field}: no such field`));
        wrong += problems.length;
        console.log(`${file}: ${entry.kind}: ${problems.join("; ") || "valid"}`);
    }
    files[file] = createHash("sha256").update(readFileSync(join(HERE, file))).digest("hex");
}
if (!wrong) writeFileSync(join(HERE, "validated.json"), `${JSON.stringify({ files }, null, 2)}\n`);
process.exitCode = wrong ? 1 : 0;
