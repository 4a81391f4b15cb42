# SPDX-License-Identifier: Apache-2.0
# bash completion of runsc. The flags are those that `runsc help do` lists.

_runsc_flags() { runsc help do 2>/dev/null | grep -oE -e '^ +(-[a-zA-Z], )?--(\[no-\])?[a-z-]+' | grep -oE -e '--.*'; }

# Where the command of `runsc do` begins in COMP_WORDS; nothing where it is not there yet.
_runsc_command_at() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) echo $((i + 1)); return ;;
        --help | --clean-env | --summary | --timing | --tty | --no-tty | --strace) ;;
        --*=*) ;;
        # bash takes = for a word of its own: --flag = value
        --* | -[Ceumt]) [[ ${COMP_WORDS[i + 1]} == "=" ]] && ((i += 2)) || ((i++)) ;;
        =) ((i++)) ;;
        -*) ;;
        *) echo "$i"; return ;;
        esac
    done
}

_runsc() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at
    [[ $word == "=" ]] && word=
    [[ $before == "=" ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "do doctor syscalls create start run state kill delete exec list ps pause resume update events wait spec features install uninstall help --version --help" -- "$word")
        return
    fi
    if [[ ${COMP_WORDS[1]} == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "do doctor syscalls create start run state kill delete exec list ps pause resume update events wait spec features install uninstall" -- "$word")
        return
    fi
    [[ ${COMP_WORDS[1]} == do ]] || return
    at=$(_runsc_command_at)
    if [[ -n $at ]] && ((at == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    elif [[ -n $at ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        case $before in
        --ro | --rw | --ov | --tmp | --hide | --strace-out)
            mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --rootfs | --cwd | -C) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        --env | -e) mapfile -t COMPREPLY < <(compgen -v -S = -- "$word") ;;
        --env-pass) mapfile -t COMPREPLY < <(compgen -v -- "$word") ;;
        --user | -u) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        --platform) mapfile -t COMPREPLY < <(compgen -W "auto systrap ptrace" -- "$word") ;;
        --systrap) mapfile -t COMPREPLY < <(compgen -W "no-spin no-patch no-libos" -- "$word") ;;
        --log) mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$word") ;;
        --hostname | --mem | -m | --pids | --cpus | --files | --fsize | --timeout | -t) ;;
        *)
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_runsc_flags | sed 's/\[no-\]\(.*\)/\1 --no-\1/')" -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            fi
            ;;
        esac
    fi
}
complete -o filenames -o bashdefault -F _runsc runsc
