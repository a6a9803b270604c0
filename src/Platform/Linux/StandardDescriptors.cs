// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>
/// The descriptors 0, 1 and 2, which a caller may have closed (<c>2&gt;&amp;-</c>). The next files that are opened get their
/// numbers then: a segment, or a file that the runtime opens before Main. Messages would go into those.
/// </summary>
internal static unsafe class StandardDescriptors
{
    private const string Null = "/dev/null";

    /// <summary>
    /// If one was closed, restarts the program with /dev/null in its place, as glibc does for set-user-ID programs: a file that the
    /// runtime has opened there cannot be closed. To be called before the program opens anything.
    /// </summary>
    public static void Fill()
    {
        bool isAnyClosed = false;
        for (int fd = 0; fd <= 2; fd++)
        {
            if (!IsClosed(fd))
                continue;
            isAnyClosed = true;
            int substitute = LibC.open(Null, FileNumbers.O_RDWR, 0);
            if (substitute < 0)
                return;
            // Without O_CLOEXEC, it outlives execv. It may have the number already.
            if (substitute != fd && (LibC.dup2(substitute, fd) < 0 || LibC.close(substitute) != 0))
                return;
        }

        if (isAnyClosed)
            Restart();
    }

    /// <summary>A descriptor with FD_CLOEXEC did not come through execve(2): the runtime has opened it since.</summary>
    private static bool IsClosed(int fd)
    {
        int flags = LibC.fcntl(fd, FileNumbers.F_GETFD);
        return flags < 0 || (flags & FileNumbers.FD_CLOEXEC) != 0;
    }

    /// <summary>Runs the same program with the same arguments in the same process; returns only if that fails.</summary>
    private static void Restart()
    {
        const string Self = "/proc/self/exe";
        byte[] arguments;
        string program;
        try
        {
            arguments = File.ReadAllBytes("/proc/self/cmdline");
            // By its own name, which becomes the name of the process; the file may have been replaced since.
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
