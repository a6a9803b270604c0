// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Platform.Linux;

namespace Capbox.Cli;

/// <summary>Standard output takes nothing. No <see cref="IOException"/>, so that nobody blames the file that the command works on.</summary>
internal sealed class StandardOutputException(string reason) : Exception($"standard output: {reason}");

/// <summary>
/// Standard output, written at once. Unlike .NET's own it tells when the reader of a pipe has gone. A command that ends by itself goes on without a reader, as before.
/// </summary>
internal sealed class StandardOutput : Stream
{
    private const int Descriptor = 1;
    private static volatile bool s_isReaderGone;

    private StandardOutput()
    {
    }

    /// <summary>The pipe has no reader any more: whoever writes without an end may end.</summary>
    public static bool IsReaderGone => s_isReaderGone || (Console.IsOutputRedirected && FileSystem.ReaderIsGone(Descriptor));

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Makes it what <see cref="Console.Out"/> writes to.</summary>
    public static void Install() => Console.SetOut(new StreamWriter(new StandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <exception cref="StandardOutputException">It cannot be written.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (s_isReaderGone)
            return;
        int errno = FileSystem.TryAppend(Descriptor, buffer);
        if (errno == Errno.EPIPE)
            s_isReaderGone = true;
        else if (errno != 0)
            throw new StandardOutputException(Errno.Text(errno));
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
