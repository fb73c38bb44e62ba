// ONNX Runtime Web: WebGPU where the browser has it, else WebAssembly with SIMD.

/** Threads beyond which a picture gains little. */
const MAX_THREADS = 4;

const FLAVORS = {
  // For browsers whose WebAssembly can wait for the GPU by itself, and for all others with a GPU, in a larger file.
  jspi: { script: "./ort.jspi.bundle.min.js", binary: "ort-wasm-simd-threaded.jspi.wasm", provider: "webgpu" },
  webgpu: { script: "./ort.webgpu.bundle.min.js", binary: "ort-wasm-simd-threaded.asyncify.wasm", provider: "webgpu" },
  wasm: { script: "./ort.wasm.bundle.min.js", binary: "ort-wasm-simd-threaded.wasm", provider: "wasm" },
};

export class Runtime {
  #files;
  #ort;
  #provider;

  /** Which flavors to try, in order; `engine` is "wasm" to keep to it, "webgpu" to take any GPU, even an emulated one. */
  static async flavors(engine) {
    if (engine === "wasm") return ["wasm"];
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    // A fallback adapter computes on the CPU, slower than WebAssembly.
    const isGPU = adapter && (engine === "webgpu" || !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
    return isGPU ? ["Suspending" in WebAssembly ? "jspi" : "webgpu", "wasm"] : ["wasm"];
  }

  /** Load ONNX Runtime Web and open the picture network, which shows whether a flavor works. */
  static async open(files, { engine, threads }, model) {
    const flavors = await Runtime.flavors(engine);
    const content = files.load(model.file); // beside what ONNX Runtime needs
    content.catch(() => {}); // reported below
    for (const flavor of flavors) {
      try {
        const runtime = new Runtime();
        await runtime.#start(files, flavor, threads);
        const session = await runtime.session(model, runtime.#provider, await content);
        delete runtime.#ort.env.wasm.wasmBinary; // it is compiled
        return [runtime, session];
      } catch (error) {
        if (flavor === flavors.at(-1)) throw error;
      }
    }
  }

  async #start(files, flavor, threads) {
    const { script, binary, provider } = FLAVORS[flavor];
    const wasmBinary = await files.load(binary);
    const ort = await import(script);
    ort.env.logLevel = "error";
    ort.env.wasm.wasmBinary = wasmBinary;
    const most = Number(threads) || Math.min(MAX_THREADS, navigator.hardwareConcurrency);
    ort.env.wasm.numThreads = provider === "wasm" && crossOriginIsolated ? most : 1;
    this.#files = files;
    this.#ort = ort;
    this.#provider = provider;
  }

  /** Does the picture network run on WebGPU? */
  get onGPU() {
    return this.#provider === "webgpu";
  }

  /** What draws the pictures, for people. */
  get description() {
    if (this.onGPU) return "WebGPU";
    const threads = this.#ort.env.wasm.numThreads;
    return `WebAssembly, ${threads} thread${threads === 1 ? "" : "s"}`;
  }

  /** What draws the pictures, for their metadata. */
  get backend() {
    const provider = this.onGPU ? "WebGpuExecutionProvider" : "CPUExecutionProvider";
    return `${provider}, onnxruntime-web ${this.#ort.env.versions.web}`;
  }

  /** Open a model of the bundle on a provider; `content` is its file where it is loaded already. */
  async session(model, provider = "wasm", content = undefined) {
    // On WebAssembly, fused operators make the first run a quarter slower, and later ones no faster.
    const level = provider === "wasm" ? "basic" : "all";
    const options = { executionProviders: [provider], graphOptimizationLevel: level };
    return this.#ort.InferenceSession.create(content ?? (await this.#files.load(model.file)), options);
  }

  /**
   * Run one row through a session.
   *
   * @param {InferenceSession} session
   * @param {Object} model as in the manifest.
   * @param {Object<string, Float32Array|BigInt64Array>} feeds missing inputs are zeros, their default.
   * @returns {Promise<Object<string, TypedArray>>} outputs by name.
   */
  async run(session, model, feeds) {
    const tensors = {};
    for (const { name, shape } of model.inputs) {
      const width = shape.slice(1).reduce((size, side) => size * (Number(side) || 1), 1);
      const data = feeds[name] ?? new Float32Array(width);
      const type = data instanceof BigInt64Array ? "int64" : "float32";
      const dimensions = shape.map((side, axis) => (axis === 0 ? 1 : typeof side === "number" ? side : data.length));
      tensors[name] = new this.#ort.Tensor(type, data, dimensions);
    }
    const outputs = await session.run(tensors);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  }
}
