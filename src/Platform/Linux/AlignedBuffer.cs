// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>A page-aligned piece of memory outside the garbage collector, for O_DIRECT.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    [OwnChoice] private const int Alignment = 4096;
    private void* _memory;

    public AlignedBuffer(int bytes)
    {
        Bytes = bytes;
        _memory = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        Span.Clear();
    }

    public int Bytes { get; }

    public nint Address => (nint)_memory;

    public Span<byte> Span => new(_memory, Bytes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
