# SPDX-License-Identifier: Apache-2.0
"""`p4vpc completion`: what a shell needs to complete our commands, options, kinds and names.

The scripts call `p4vpc` itself with what is typed so far; how that is handed over is typer's, and differs by shell.
"""

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """A shell that can be told what to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS = {
    Shell.BASH: """\
_p4vpc_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(
        COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" _P4VPC_COMPLETE=complete_bash env p4vpc 2>/dev/null
    ))
    return 0
}
complete -o default -F _p4vpc_completion p4vpc
""",
    Shell.ZSH: """\
#compdef p4vpc
_p4vpc() {
    eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _P4VPC_COMPLETE=complete_zsh p4vpc 2>/dev/null)"
}
if [ "${funcstack[1]}" = _p4vpc ]; then
    _p4vpc "$@"
else
    compdef _p4vpc p4vpc
fi
""",
    Shell.FISH: """\
function __p4vpc_complete
    set --local --export _P4VPC_COMPLETE complete_fish
    set --local --export _TYPER_COMPLETE_FISH_ACTION $argv[1]
    set --local --export _TYPER_COMPLETE_ARGS (commandline --cut-at-cursor --current-process)
    p4vpc 2>/dev/null
end
complete --command p4vpc --no-files --arguments '(__p4vpc_complete get-args)' --condition '__p4vpc_complete is-args'
""",
}


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish")]) -> None:
    """Print a script that makes a shell complete `p4vpc`, names of objects included.

    bash, in ~/.bashrc: source <(p4vpc completion bash)

    zsh, with ~/.zfunc in fpath before compinit: p4vpc completion zsh > ~/.zfunc/_p4vpc

    fish: p4vpc completion fish > ~/.config/fish/completions/p4vpc.fish
    """
    typer.echo(_SCRIPTS[shell], nl=False)
