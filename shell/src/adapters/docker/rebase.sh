# Run in a container by `sh -c`, as the agent: $1 is look, begin or abort, $2 the new base, $3 the old one, $4 where it
# works. Nothing but a shell and git is needed. What it says ends with zero bytes: a word, and what belongs to it.
what=$1 onto=$2 from=$3
export LC_ALL=C GIT_EDITOR=true GIT_SEQUENCE_EDITOR=true GIT_PAGER=cat GIT_TERMINAL_PROMPT=0 GIT_MERGE_AUTOEDIT=no
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE
g() {
    git -c 'safe.directory=*' -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.editor=true \
        -c sequence.editor=true -c rebase.backend=merge -c rebase.autoStash=false -c rebase.autoSquash=false \
        -c rebase.updateRefs=false -c rebase.rebaseMerges=false -c rerere.autoUpdate=false -c gc.auto=0 \
        -c maintenance.auto=false "$@"
}
say() { printf '%s\0' "$@"; }
cd "$4" || exit 125
dir=$(g rev-parse --absolute-git-dir 2>&1) || {
    say failed "$dir"
    exit 0
}

# What is under way, in git's words; nothing when nothing is.
under_way() {
    if [ -d "$dir/rebase-merge" ] || [ -d "$dir/rebase-apply" ]; then
        echo rebase
    elif [ -f "$dir/MERGE_HEAD" ]; then
        echo merge
    elif [ -f "$dir/CHERRY_PICK_HEAD" ]; then
        echo cherry-pick
    elif [ -f "$dir/REVERT_HEAD" ]; then
        echo revert
    elif [ -f "$dir/BISECT_LOG" ]; then
        echo bisect
    fi
}
goes_there() { [ -f "$1" ] && read -r line <"$1" && [ "$line" = "$onto" ]; }
# Whether what is under way is a rebase onto the new base.
is_ours() { goes_there "$dir/rebase-merge/onto" || goes_there "$dir/rebase-apply/onto"; }
is_there() { g merge-base --is-ancestor "$onto" HEAD 2>/dev/null; }
unresolved() { g diff --name-only --no-renames --diff-filter=U "$@"; }
report() {
    if is_ours; then
        say standing
        unresolved -z
    elif [ -n "$(under_way)" ]; then
        say busy "$(under_way)"
    elif is_there; then
        say landed "$(g rev-list --count "$onto..HEAD")"
    else
        say absent
    fi
}
begin() {
    if [ -n "$(under_way)" ] || is_there; then
        report
        return
    fi
    if ! g rev-parse --verify --quiet HEAD >/dev/null; then
        say unborn
        return
    fi
    if ! g cat-file -e "$onto^{commit}" 2>/dev/null; then
        say unreadable
        return
    fi
    if [ -n "$(g status --porcelain --untracked-files=no)" ]; then
        say dirty
        g status --porcelain -z --untracked-files=no --no-renames
        return
    fi
    if g merge-base --is-ancestor "$from" "$onto" 2>/dev/null; then
        words=$(g rebase --quiet --no-fork-point "$onto" 2>&1 </dev/null)
    else
        words=$(g rebase --quiet --no-fork-point --onto "$onto" "$from" 2>&1 </dev/null)
    fi
    if is_ours && [ -z "$(unresolved)" ]; then
        # It stopped for another reason than a conflict: what is the matter nobody could see from the files.
        g rebase --abort >/dev/null 2>&1
        say failed "$words"
    elif is_ours || is_there; then
        report
    else
        say failed "$words"
    fi
}
abort() {
    words=
    if is_ours; then
        words=$(g rebase --abort 2>&1)
    fi
    if is_ours; then
        say failed "$words"
    else
        report
    fi
}

case $what in
begin) begin ;;
abort) abort ;;
*) report ;;
esac
