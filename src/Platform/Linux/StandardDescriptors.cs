using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>
/// The descriptors 0, 1 and 2, which a caller may have closed (<c>2&gt;&amp;-</c>). The next files that are opened get their numbers then, a segment or what the runtime opens before Main, and messages would go
/// into those.
/// </summary>
internal static unsafe class StandardDescriptors
{
    private const int F_GETFD = 1, FD_CLOEXEC = 1;
    private const string Null = "/dev/null";

    /// <summary>
    /// Where one was closed, the program begins again with /dev/null in its place, as glibc does for set-user-ID programs: what the runtime has opened there cannot be taken away from it. Before anything else is opened.
    /// </summary>
    public static void Fill()
    {
        bool isAnyClosed = false;
        for (int fd = 0; fd <= 2; fd++)
        {
            if (!IsClosed(fd))
                continue;
            isAnyClosed = true;
            int substitute = LibC.open(Null, LibC.O_RDWR, 0);
            if (substitute < 0)
                return;
            // Without O_CLOEXEC, it outlives execv. It may have got the number at once.
            if (substitute != fd && (LibC.dup2(substitute, fd) < 0 || LibC.close(substitute) != 0))
                return;
        }

        if (isAnyClosed)
            BeginAgain();
    }

    /// <summary>A descriptor with FD_CLOEXEC did not come through execve(2): the runtime has opened it since.</summary>
    private static bool IsClosed(int fd)
    {
        int flags = LibC.fcntl(fd, F_GETFD);
        return flags < 0 || (flags & FD_CLOEXEC) != 0;
    }

    /// <summary>The same program, arguments and process; returns only if that cannot be.</summary>
    private static void BeginAgain()
    {
        const string Self = "/proc/self/exe";
        byte[] arguments;
        string program;
        try
        {
            arguments = File.ReadAllBytes("/proc/self/cmdline");
            // By its own name, which the process is called by then; it may have been replaced since.
            program = File.ResolveLinkTarget(Self, returnFinalTarget: false)?.FullName is { } found && File.Exists(found) ? found : Self;
        }
        catch (IOException)
        {
            return; // no /proc
        }

        int count = arguments.Count(b => b == 0);
        fixed (byte* text = arguments)
        {
            byte** list = (byte**)NativeMemory.Alloc((nuint)(count + 1), (nuint)sizeof(byte*));
            byte* next = text;
            for (int i = 0; i < count; i++)
            {
                list[i] = next;
                while (*next++ != 0)
                {
                }
            }

            list[count] = null;
            _ = LibC.execv(program, list);
            NativeMemory.Free(list);
        }
    }
}
