namespace Capbox.Platform.Linux;

/// <summary>Which CPU a ring thread runs on (sched_setaffinity(2)), and which threads stand back.</summary>
internal static unsafe class ThreadPlacement
{
    private const int SetBytes = 128; // 1024 CPUs, as cpu_set_t

    /// <summary>
    /// The CPU for the n-th ring thread: of those named, or else of those this process may use, from the last one down, since interrupts
    /// tend to land on the first ones.
    /// </summary>
    public static int CpuFor(IReadOnlyList<int> named, int number)
    {
        if (named.Count > 0)
            return named[number % named.Count];
        Span<int> allowed = stackalloc int[SetBytes * 8];
        int count = Allowed(allowed);
        return count == 0 ? -1 : allowed[count - 1 - (number % count)];
    }

    /// <summary>Binds the calling thread. A CPU that is not there, or not this process's, leaves it where it was, and false is returned.</summary>
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
    /// Makes the calling thread one that runs on what is left: of the CPU (SCHED_IDLE, sched(7): any other thread that wakes takes its place at once) and of the disk (the
    /// idle class of ioprio_set(2)). Each is done as far as the kernel permits it.
    /// </summary>
    public static void RunWhenIdle()
    {
        int priority = 0;
        LibC.sched_setscheduler(0, LibC.SCHED_IDLE, &priority);
        LibC.syscall(LibC.SYS_ioprio_set, LibC.IOPRIO_WHO_PROCESS, 0, LibC.IOPRIO_CLASS_IDLE << LibC.IOPRIO_CLASS_SHIFT, 0, 0, 0);
    }

    /// <summary>The kernel's number of the calling thread, for <see cref="RunAsOthers"/>.</summary>
    public static int CurrentThread() => (int)LibC.syscall(LibC.SYS_gettid, 0, 0, 0, 0, 0, 0);

    /// <summary>Ends <see cref="RunWhenIdle"/> for a thread that somebody waits for now: on a busy machine there may be nothing left for a long time. 0 is no thread.</summary>
    public static void RunAsOthers(int thread)
    {
        int priority = 0;
        if (thread > 0)
            LibC.sched_setscheduler(thread, LibC.SCHED_OTHER, &priority);
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
