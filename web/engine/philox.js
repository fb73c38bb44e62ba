// Random numbers from seeds: those of pgen.latents and pgen.rng, bit for bit.

const MASK = (1n << 64n) - 1n;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const INCREMENT = 0x9e3779b97f4a7c15n; // of the key's first half; its second half starts at 0
const SECOND_INCREMENT = 0xbb67ae8584caa73bn;
const ROUNDS = 10;

/** Random streams of a seed, as pgen.rng.Stream numbers them. */
export const STREAM = { NAME: 2, APPEARANCE: 3, TEXT: 4, FUSION: 5, FUSED_NAME: 6, SHINY: 7, FAMILY: 8 };

/** Philox 4x64-10 (Salmon et al., 2011), as NumPy runs it: four outputs for each value of the counter, from 1. */
export class Philox {
  #key;
  #stream;
  #block = 0n;
  #outputs = [];

  /**
   * @param {number|bigint} seed 0 to 2**64 - 1.
   * @param {number} [stream] second word of the counter.
   */
  constructor(seed, stream = 0) {
    this.#key = BigInt(seed);
    this.#stream = BigInt(stream);
  }

  /** Draw 64 bits, as a bigint. */
  next() {
    if (this.#outputs.length === 0) {
      this.#block += 1n;
      this.#outputs = this.#draw();
    }
    return this.#outputs.shift();
  }

  #draw() {
    let [a, b, c, d] = [this.#block, this.#stream, 0n, 0n];
    let [first, second] = [this.#key, 0n];
    for (let round = 0; round < ROUNDS; round += 1) {
      const [left, right] = [MULTIPLIERS[0] * a, MULTIPLIERS[1] * c];
      [a, b, c, d] = [(right >> 64n) ^ b ^ first, right & MASK, (left >> 64n) ^ d ^ second, left & MASK];
      first = (first + INCREMENT) & MASK;
      second = (second + SECOND_INCREMENT) & MASK;
    }
    return [a, b, c, d];
  }
}

/** Draw the standard normal latent of a seed by the Box-Muller transform, as Float32Array. */
export function latent(seed, dimensions) {
  const bits = new Philox(seed);
  const pairs = (dimensions + 1) >> 1;
  const uniform = Array.from({ length: 2 * pairs }, () => (Number(bits.next() >> 11n) + 0.5) / 2 ** 53);
  const drawn = new Float32Array(2 * pairs);
  for (let index = 0; index < pairs; index += 1) {
    const radius = Math.sqrt(-2 * Math.log(uniform[index]));
    const angle = 2 * Math.PI * uniform[pairs + index];
    drawn[index] = radius * Math.cos(angle);
    drawn[pairs + index] = radius * Math.sin(angle);
  }
  return drawn.slice(0, dimensions);
}

/** Random choices from one stream of a seed, as pgen.rng.Rng makes them. */
export class Rng {
  #bits;

  constructor(seed, stream) {
    this.#bits = new Philox(seed, stream);
  }

  /** Draw a number from [0, 1). */
  uniform() {
    return Number(this.#bits.next() >> 11n) / 2 ** 53;
  }

  /** Pick one of `items` with equal probability. */
  pick(items) {
    return items[Math.floor(this.uniform() * items.length)];
  }

  /** Pick a key of a Map of weights with a probability proportional to its weight. */
  weighted(weights) {
    let end = 0;
    const ends = [...weights].map(([item, weight]) => [item, (end += weight)]);
    const position = this.uniform() * end;
    return (ends.find(([, limit]) => position < limit) ?? ends.at(-1))[0];
  }
}
