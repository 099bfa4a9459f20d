# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# The guest's memory file system for scripts/vm, which sources this and whose
# options it reads: from files, dirs, kmods, module, ... to $work/initrd.

# make_image: the only function for others.
make_image() {
	root=$work/root
	skeleton
	accounts
	wishes
	local spec
	for spec in ${files+"${files[@]}"}; do
		add_file "${spec%%:*}" "$(place "$spec")"
	done
	for spec in ${dirs+"${dirs[@]}"}; do
		add_dir "${spec%%:*}" "$(place "$spec")"
	done
	add_modules
	(cd "$root" && find . -print0 |
		cpio --null -o -H newc -R +0:+0 --quiet) >"$work/initrd"
	rm -rf "$root"
}

# HOST[:GUEST] to the guest's path.
place() {
	case $1 in
	*:*) echo "${1#*:}" ;;
	*) echo "/vm/$(basename "$1")" ;;
	esac
}

skeleton() {
	local link
	mkdir -p "$root"/{dev,proc,sys,tmp,run,root,home,vm,etc/vm} \
		"$root"/usr/{bin,sbin,lib,lib32,lib64}
	for link in bin sbin lib lib32 lib64; do
		ln -s usr/$link "$root/$link"
	done
	cp "$(command -v busybox)" "$root/usr/bin/busybox"
	busybox --install -s "$root/usr/bin"
	cp "$scripts/vm-init" "$root/init"
	chmod 755 "$root/init"
}

accounts() {
	local user uid=1001 names=(alice bob carol dave mallory)
	{
		echo root:x:0:0:root:/root:/bin/sh
		echo nobody:x:65534:65534:nobody:/tmp:/bin/sh
		for user in "${names[@]}"; do
			echo "$user:x:$uid:$uid:$user:/home/$user:/bin/sh"
			uid=$((uid + 1))
		done
	} >"$root/etc/passwd"
	{
		echo root:x:0:
		echo tty:x:5:
		echo nogroup:x:65534:
		(IFS=, && echo "caps:x:900:${names[*]}")
		uid=1001
		for user in "${names[@]}"; do
			echo "$user:x:$uid:"
			uid=$((uid + 1))
		done
	} >"$root/etc/group"
	printf '%s: files\n' passwd group hosts >"$root/etc/nsswitch.conf"
	echo 127.0.0.1 localhost caps-vm >"$root/etc/hosts"
}

# What vm-init reads.
wishes() {
	local size rows=24 cols=80 item
	if [ -n "$shell" ] && size=$(stty size 2>/dev/null) &&
		[ "$size" != "0 0" ]; then
		rows=${size% *} cols=${size#* }
	fi
	cat >"$root/etc/vm/settings" <<-END
		vm_module=$(quote "${module:+caps}") vm_mode=$(quote "$mode")
		vm_user=$(quote "$user") vm_settle=$([ -n "$count" ] &&
			echo 20 || echo 0) vm_shell=$(quote "$shell")
		vm_rows=$rows vm_cols=$cols vm_term=$(quote "${TERM-dumb}")
	END
	{
		echo '#!/bin/sh'
		echo 'export SHELL=/bin/sh'
		for item in ${env+"${env[@]}"}; do
			echo "export $(quote "$item")"
		done
		echo "exec $(quote "${command[@]}")"
	} >"$root/etc/vm/command"
	chmod 755 "$root/etc/vm/command"
	cat >"$root/etc/motd" <<-END
		This is $(cat "$kernel_dir/release"), ${module:+with caps, }in memory only.
		Your files are in /vm. To become another user: su alice (or bob,
		carol, dave, mallory). The kernel's log: dmesg. To leave: exit.
	END
}

# add_file HOST GUEST: with what it needs to run.
add_file() {
	[ -f "$1" ] || unable "no such file: $1"
	[[ $2 == /* ]] || unable "not an absolute place: $2"
	mkdir -p "$root$(dirname "$2")"
	cp -L --preserve=mode,timestamps --remove-destination "$1" "$root$2"
	add_needs "$1"
}

add_dir() {
	local file
	[ -d "$1" ] || unable "no such directory: $1"
	[[ $2 == /* ]] || unable "not an absolute place: $2"
	mkdir -p "$root$2"
	cp -a "$1/." "$root$2"
	while IFS= read -r -d '' file; do
		add_needs "$file"
	done < <(find "$1" -type f \( -perm -u+x -o -name '*.so*' \) -print0)
}

# The libraries of a program, the bash of a script. Every other shell is
# busybox; perl and the like come only when asked for.
add_needs() {
	local first lib libs
	IFS= read -r first < <(head -c 64 "$1" | tr '\0' ' ') || true
	case $first in
	$'\177ELF'*)
		libs=$(libraries "$1")
		for lib in $libs; do
			copy_library "$lib"
		done
		;;
	'#!/bin/bash'* | '#!/usr/bin/bash'* | '#!/usr/bin/env bash'*)
		[ -e "$root/usr/bin/bash" ] ||
			add_file "$(command -v bash)" /usr/bin/bash
		;;
	esac
}

# What a build tree has goes where every program looks: the tree may lie below
# a directory that the guest mounts something on, such as /tmp.
copy_library() {
	local place=$1
	[[ $1 == /lib* || $1 == /usr/lib* ]] || place=/usr/lib/${1##*/}
	[ ! -e "$root$place" ] || return 0
	mkdir -p "$root$(dirname "$place")"
	cp -L --preserve=mode,timestamps "$1" "$root$place"
}

# Fails for what is not dynamic, which needs none.
libraries() {
	local list
	list=$(ldd "$1" 2>/dev/null) || return 0
	if grep -q 'not found' <<<"$list"; then
		unable "$1 lacks $(grep 'not found' <<<"$list" | xargs)"
	fi
	sed -nE 's,^\s*(.* => )?(/[^ ]*) \(0x.*,\2,p' <<<"$list"
}

# The kernel's modules that were asked for, after those they depend on, then
# ours; each with its parameters into the list that vm-init loads.
add_modules() {
	local guest list=$root/etc/vm/kmods spec name path paths
	guest=/lib/modules/$(cat "$kernel_dir/release")
	mkdir -p "$root$guest"
	cp "$kernel_dir/modules/modules.builtin" "$root$guest" 2>/dev/null ||
		: >"$root$guest/modules.builtin"
	: >"$root$guest/modules.dep"
	: >"$list"
	for spec in ${kmods+"${kmods[@]}"}; do
		name=${spec%% *}
		paths=$(with_dependencies "$name")
		for path in $paths; do
			add_kmod "$path" "$guest/${path%.xz}"
			echo "$guest/${path%.xz}" >>"$list"
		done
		# The parameters are for the last one.
		[ -z "$paths" ] || sed -i "\$s|\$|${spec#"$name"}|" "$list"
	done
	if [ -n "$module" ]; then
		[ -f "$module" ] || unable "no such module: $module"
		cp -L "$module" "$root$guest/caps.ko"
		ln -s "$guest/caps.ko" "$root/caps.ko"
		echo caps.ko: >>"$root$guest/modules.dep"
		echo "/caps.ko ${modparams[*]-}" >>"$list"
	fi
}

# Files below modules/, dependencies first. A module that the kernel has
# built in needs nothing; the kernels built by the project have all built in.
with_dependencies() {
	local key=${1//-/_} line path
	line=$(awk -v key="$key" '{
		name = $1; sub(/.*\//, "", name); sub(/\.ko.*/, "", name)
		gsub(/-/, "_", name)
		if (name == key) { sub(/:/, ""); print; exit }
	}' "$kernel_dir/modules/modules.dep" 2>/dev/null || true)
	if [ -n "$line" ]; then
		for path in $line; do echo "$path"; done | tac
	elif [[ $kernel != debug-* ]] && ! grep -q "/${key//_/[-_]}\.ko$" \
		"$kernel_dir/modules/modules.builtin"; then
		unable "kernel $kernel has no module $1"
	fi
}

# add_kmod PATH GUEST: uncompressed, and known to the guest's modprobe.
add_kmod() {
	[ ! -e "$root$2" ] || return 0
	mkdir -p "$root$(dirname "$2")"
	case $1 in
	*.xz) xz -dc "$kernel_dir/modules/$1" >"$root$2" ;;
	*) cp "$kernel_dir/modules/$1" "$root$2" ;;
	esac
	awk -v file="$1:" '$1 == file { gsub(/\.xz/, ""); print }' \
		"$kernel_dir/modules/modules.dep" >>"$root${2%/kernel/*}/modules.dep"
}
