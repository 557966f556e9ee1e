# A Slurm of one node, this machine; run.sh reads this file. It has its own folder,
# munge key and ports, and leaves a Slurm that is installed here alone.

# begin_work: makes the folder, $work, and has all stopped at the end.
begin_work() {
  work=$(mktemp -d)
  logs=$work/logs
  mkdir "$work"/{logs,state,spool}
  # munged wants others to be able to reach its socket.
  chmod 755 "$work"
  # Whatever is started from here on has this variable, and is found by it.
  export SLURM_CONF=$work/slurm.conf
  trap end_work EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

# Prints the processes that this script started, and those that Slurm did.
started() {
  env -u SLURM_CONF grep -lszxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ |
    env -u SLURM_CONF cut -d/ -f3 || true  # Some have ended meanwhile.
}

# Stops all processes; removes the folder, unless something failed.
end_work() {
  local status=$? signal pids
  trap '' INT TERM HUP
  for signal in TERM KILL; do
    for _ in {1..100}; do
      pids=$(started)
      [ -n "$pids" ] || break 2
      kill -"$signal" $pids 2>/dev/null || true
      sleep 0.1
    done
  done
  if [ "$status" = 1 ]; then
    echo "tests/slurm/run.sh: all logs are in $logs" >&2
  else
    rm -rf "$work"
  fi
}

# start_slurm PYTHON: starts munged, slurmctld and slurmd; waits until they work.
start_slurm() {
  local host ports
  host=$(hostname -s)
  ports=($("$1" -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])'))
  (umask 077 && head -c 1024 /dev/urandom >"$work/munge.key")
  cat tests/slurm/slurm.conf - >"$SLURM_CONF" <<END
AuthInfo=socket=$work/munge.socket
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=$host Default=YES
END
  munged --foreground --key-file="$work/munge.key" --log-file="$logs/munged.log" \
    --socket="$work/munge.socket" --pid-file="$work/munged.pid" \
    --seed-file="$work/munged.seed" >"$logs/munged" 2>&1 &
  until [ -S "$work/munge.socket" ]; do
    kill -0 $! 2>/dev/null || fail "munged failed: $(tail -1 "$logs/munged")"
    sleep 0.1
  done
  slurmctld -D >"$logs/slurmctld" 2>&1 &
  slurmd -D -N "$host" >"$logs/slurmd" 2>&1 &
  for _ in {1..120}; do
    [ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && break
    sleep 0.5
  done
  [ "$(sinfo -h -o %t 2>&1)" = idle ] || fail "the node does not become idle:" \
    "$(sinfo -h -o '%t %E' 2>&1; tail -qn 2 "$logs"/slurm*)"
  say "$(slurmctld -V): node $host is idle"
}
