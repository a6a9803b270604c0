// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Linux;

/// <summary>The CPU of a ring thread (sched_setaffinity(2)), and the threads that yield to all others.</summary>
[CHeaders("sched.h", "sys/syscall.h", "linux/ioprio.h")]
internal static unsafe class ThreadPlacement
{
    /// <summary>1,024 CPUs.</summary>
    [CConstant("sizeof(cpu_set_t)")] private const int SetBytes = 128;
    private const int SCHED_OTHER = 0, SCHED_IDLE = 5;

    // ioprio_set(2): "who" is one thread; the idle class gets the disk when no other thread asks for it.
    private const int IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_IDLE = 3, IOPRIO_CLASS_SHIFT = 13;
    private const int SYS_ioprio_set = 251, SYS_gettid = 186;

    /// <summary>
    /// The CPU for the n-th ring thread: of those named, or else of those that this process may use, from the last one down, since
    /// the first ones tend to serve interrupts.
    /// </summary>
    public static int CpuFor(IReadOnlyList<int> named, int number)
    {
        if (named.Count > 0)
            return named[number % named.Count];
        Span<int> allowed = stackalloc int[SetBytes * 8];
        int count = Allowed(allowed);
        return count == 0 ? -1 : allowed[count - 1 - (number % count)];
    }

    /// <summary>Binds the calling thread. False, and no change, for a CPU that does not exist or that this process may not use.</summary>
    public static bool Pin(int cpu)
    {
        if (cpu is < 0 or >= SetBytes * 8)
            return false;
        byte* set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        set[cpu / 8] = (byte)(1 << (cpu % 8));
        return LibC.sched_setaffinity(0, SetBytes, set) >= 0;
    }

    /// <summary>
    /// Gives the calling thread the lowest priority for the CPU (SCHED_IDLE, sched(7): any other thread that wakes replaces it at
    /// once) and for the disk (the idle class of ioprio_set(2)), as far as the kernel permits it.
    /// </summary>
    public static void RunWhenIdle()
    {
        int priority = 0;
        LibC.sched_setscheduler(0, SCHED_IDLE, &priority);
        LibC.syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT, 0, 0, 0);
    }

    /// <summary>The kernel's number of the calling thread, for <see cref="RunAsOthers"/>.</summary>
    public static int CurrentThread() => (int)LibC.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);

    /// <summary>
    /// Ends <see cref="RunWhenIdle"/> for a thread that another one waits for: on a busy machine it may not run for a long time. 0
    /// is no thread.
    /// </summary>
    public static void RunAsOthers(int thread)
    {
        int priority = 0;
        if (thread > 0)
            LibC.sched_setscheduler(thread, SCHED_OTHER, &priority);
    }

    private static int Allowed(Span<int> cpus)
    {
        byte* set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        if (LibC.sched_getaffinity(0, SetBytes, set) < 0)
            return 0;
        int count = 0;
        for (int cpu = 0; cpu < SetBytes * 8; cpu++)
        {
            if ((set[cpu / 8] & (1 << (cpu % 8))) != 0)
                cpus[count++] = cpu;
        }

        return count;
    }
}
