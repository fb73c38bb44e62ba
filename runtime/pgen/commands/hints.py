"""What the command line adds to the messages of errors, by their codes: the option or command that fixes them."""

HINTS = {
    "bundle_not_found": "--bundle chooses the bundle",
    "device_unavailable": "--device chooses the device; pgen doctor shows what works here",
    "endpoint_without_model": "--llm-model NAME",
    "equal_ends": "--to-seed sets the other seed",
    "missing_extra": "pgen doctor shows what is installed",
    "no_prompt": 'write a name or a sentence as PROMPT, such as "Charizard", or use --file FILE',
    "other_bundle": "--bundle DIR; or generate the prompt anew with pgen image",
    "output_differs": "without --resume the file is written again",
    "output_is_folder": "--out-dir writes into a folder",
    "output_too_large": "lower -n, --frames or --size",
    "prompt_not_read": "pgen random --model NAME takes no prompt",
    "run_failed": "--batch sets the number of pictures at once",
    "seeds_conflict": "use either --seeds, or -n and --seed",
    "several_pictures": "add --grid, or use --out-dir DIR",
    "shards_exist": "--resume continues the job",
    "stdin_closed": "pipe prompts into it, or use --file FILE",
}
