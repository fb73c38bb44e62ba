// Runs an ONNX model in ONNX Runtime Web (WebAssembly): node web.cjs MODEL FEEDS.json, outputs as JSON on stdout.
// Values are {name: {type, dims, data}} with the bytes of data in base64.
const fs = require("fs");
const ort = require("onnxruntime-web");
const ARRAYS = { float32: Float32Array, int64: BigInt64Array, uint8: Uint8Array };

async function main(model, feeds) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(fs.readFileSync(model), { executionProviders: ["wasm"] });
  const tensors = {};
  for (const [name, { type, dims, data }] of Object.entries(JSON.parse(fs.readFileSync(feeds, "utf8")))) {
    const bytes = Uint8Array.from(Buffer.from(data, "base64"));
    tensors[name] = new ort.Tensor(type, new ARRAYS[type](bytes.buffer), dims);
  }
  const told = {};
  for (const [name, { type, dims, data }] of Object.entries(await session.run(tensors))) {
    told[name] = { type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
  }
  process.stdout.write(JSON.stringify(told));
}

main(process.argv[2], process.argv[3]).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
