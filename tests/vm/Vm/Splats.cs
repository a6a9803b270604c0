// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.RegularExpressions;

namespace Capbox.Vm;

/// <summary>Which lines of a kernel's console are failures. A pure function over lines.</summary>
internal static partial class Splats
{
    /// <summary>
    /// The first line of a report: an oops, BUG or WARNING, a finding of KASAN, UBSAN, lockdep, RCU, DEBUG_OBJECTS, the reference
    /// trackers, or of the watchdogs. Taken from the places in the kernel's source that print them.
    /// </summary>
    public static bool Begins(string line) => Start().IsMatch(line);

    /// <summary>The last line of a report. Some have none: then it is over when the console has been silent for a moment.</summary>
    public static bool Ends(string line) => End().IsMatch(line);

    [GeneratedRegex(
        @"\bBUG: |\bWARNING: |\bKernel panic|\bOops\b|general protection fault|Unable to handle kernel|invalid opcode:|divide error:|double fault|" +
        @"\bKASAN: |\bUBSAN: |\bODEBUG: |INFO: (task .* blocked|rcu_|trying to register|lockdep|NMI handler)|rcu: INFO: |DEBUG_LOCKS_WARN_ON|" +
        @"watchdog: BUG|Bad page |page allocation failure|refcount_t: |ref_tracker: |list_(add|del) corruption|" +
        @"unregister_netdevice: waiting for|Objects remaining in|\bsegfault at .* capbox|" +
        @"Out of memory: |nobody cared|usercopy: Kernel memory|detected buffer overflow|stack-protector: |possible recursive locking|held lock freed|" +
        @"workqueue: .* hogged|suspicious RCU usage")]
    private static partial Regex Start();

    [GeneratedRegex(@"---\[ end |Rebooting in|Memory state around the buggy")]
    private static partial Regex End();
}
