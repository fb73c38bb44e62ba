/** An error whose message is meant for the user; `again` says that another try may succeed. */
export class EngineError extends Error {
  constructor(message, again = false) {
    super(message);
    this.again = again;
  }
}
