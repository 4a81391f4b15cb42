# perl: forks, pipes, signals, files, sockets in the Unix domain, sleeps, local time.
use strict; use warnings;
use POSIX qw(:sys_wait_h); use Fcntl qw(:flock :seek); use File::Temp qw(tempdir); use IO::Handle; use Socket; use Time::HiRes qw(time sleep);
$| = 1;
my $d = tempdir(CLEANUP => 1);
sub ok { my ($what, $true) = @_; print(($true ? "ok" : "FAIL"), " $what\n"); }

my $pid = fork() // die; if (!$pid) { POSIX::_exit(7) } waitpid($pid, 0); ok("fork", $? >> 8 == 7);
open(my $p, "-|", "seq 100") or die; my @l = <$p>; close $p; ok("pipe open", @l == 100);
open($p, "|-", "cat > $d/out") or die; print $p "x" x 100000; close $p; ok("pipe to", -s "$d/out" == 100000);
ok("backticks", `echo \$((6*7))` eq "42\n"); ok("system", system("exit 3") >> 8 == 3);
my $got = 0; local $SIG{USR1} = sub { $got++ }; kill USR1 => $$ for 1 .. 3; ok("signals", $got == 3);
my $t = time; my $alarm = 0; eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; sleep 20; }; ok("alarm", $@ eq "alarm\n" && time - $t < 15);
open(my $f, "+>", "$d/f") or die; print $f join("", map { "$_\n" } 1 .. 1000); seek $f, 0, SEEK_SET; my @n = <$f>; ok("read back", @n == 1000);
ok("flock", flock($f, LOCK_EX | LOCK_NB)); truncate $f, 10; ok("truncate", -s $f == 10);
opendir(my $dh, $d); my @names = sort grep { !/^\./ } readdir $dh; ok("readdir", "@names" eq "f out");
rename "$d/f", "$d/g"; ok("rename", !-e "$d/f" && -f "$d/g"); symlink "g", "$d/s"; ok("links", readlink("$d/s") eq "g" && -l "$d/s");
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC); $b->autoflush(1); if (!fork) { print $b "hello\n"; POSIX::_exit(0) } ok("socketpair", <$a> eq "hello\n"); wait;
my @kids = map { my $k = fork; POSIX::_exit($_) if !$k; $k } 1 .. 20; my $sum = 0; while ((my $k = waitpid(-1, 0)) > 0) { $sum += $? >> 8 } ok("twenty children", $sum == 210);
ok("localtime", scalar(gmtime(0)) eq "Thu Jan  1 00:00:00 1970"); ok("select", select(undef, undef, undef, 0.05) == 0);
my %h = map { $_ => $_ ** 2 } 1 .. 100000; ok("a large hash", $h{99999} == 9999800001);
ok("sort", join(",", (sort { $b <=> $a } map { $_ * 7919 % 10007 } 1 .. 50000)[0 .. 2]) eq "10006,10006,10006");
my $re = () = ("ab" x 100000) =~ /(?=aba)/g; ok("regex", $re == 99999);
exec "sh", "-c", "echo ok exec";
