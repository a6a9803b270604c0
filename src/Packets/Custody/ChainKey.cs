// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;

namespace Capbox.Packets.Custody;

/// <summary>
/// An ECDSA key on P-256 (FIPS 186-5), private or public. Files are PEM: PKCS#8 for the private key (RFC 5958), SubjectPublicKeyInfo for
/// the public one (RFC 5280), as openssl writes and reads them. Not for two threads at once.
/// </summary>
public sealed class ChainKey : IDisposable
{
    /// <summary>What follows a private key's file name in the name of its public key.</summary>
    public const string PublicSuffix = ".pub";
    private const int MaxFileBytes = 64 << 10;
    private const int CurveBits = 256;
    private const string CurveOid = "1.2.840.10045.3.1.7";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly ECDsa _key;

    private ChainKey(ECDsa key)
    {
        _key = key;
        PublicKey = key.ExportSubjectPublicKeyInfo();
        Id = Convert.ToHexStringLower(SHA256.HashData(PublicKey));
    }

    /// <summary>SHA-256 of the public key in DER, in hex: what <c>openssl pkey -pubin -outform DER | sha256sum</c> prints.</summary>
    public string Id { get; }

    /// <summary>SubjectPublicKeyInfo in DER.</summary>
    public byte[] PublicKey { get; }

    /// <summary>
    /// Makes a key pair: the private key in <paramref name="path"/>, for its owner alone, the public one in the file beside it. Neither may
    /// exist.
    /// </summary>
    /// <exception cref="CustodyException">A file exists or cannot be written; nothing is left behind.</exception>
    public static ChainKey Create(string path)
    {
        string publicPath = path + PublicSuffix;
        foreach (string file in new[] { path, publicPath })
        {
            if (Path.Exists(file))
                throw new CustodyException($"{file}: exists; a key is never overwritten");
        }

        var key = new ChainKey(ECDsa.Create(ECCurve.NamedCurves.nistP256));
        bool privateWritten = false;
        try
        {
            WriteNew(path, key._key.ExportPkcs8PrivateKeyPem(), OwnerOnly);
            privateWritten = true;
            WriteNew(publicPath, key._key.ExportSubjectPublicKeyInfoPem(), OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
            return key;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            if (privateWritten)
                File.Delete(path);
            throw new CustodyException(e.Message, e);
        }
    }

    /// <summary>Reads a private key that signs.</summary>
    /// <exception cref="CustodyException">It cannot be read, or is no private P-256 key.</exception>
    public static ChainKey LoadPrivate(string path)
    {
        ECDsa key = Load(path);
        try
        {
            _ = key.ExportPkcs8PrivateKey();
            return new ChainKey(key);
        }
        catch (CryptographicException)
        {
            key.Dispose();
            throw new CustodyException($"{path}: a public key; the private one is needed to sign");
        }
    }

    /// <summary>Reads a public key, or the public half of a private one.</summary>
    /// <exception cref="CustodyException">It cannot be read, or is no P-256 key.</exception>
    public static ChainKey LoadPublic(string path) => new(Load(path));

    /// <summary>A public key out of an entry of the chain; null if the bytes are none, or not in the one form that has this id.</summary>
    public static ChainKey? FromPublic(ReadOnlySpan<byte> publicKey)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(publicKey, out _);
            if (IsP256(key) && key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(publicKey))
                return new ChainKey(key);
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException) // the latter for an unknown curve
        {
            // Reported as null.
        }

        key.Dispose();
        return null;
    }

    /// <summary>Whether other users than the owner may read a private key's file.</summary>
    public static bool IsExposed(string path) => (File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != 0;

    /// <summary>ECDSA with SHA-256, as a DER sequence of r and s (RFC 3279), which openssl takes as it is.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data) => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>The other side of <see cref="Sign"/>.</summary>
    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        try
        {
            return _key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false; // not even the form of a signature
        }
    }

    public void Dispose() => _key.Dispose();

    private static ECDsa Load(string path)
    {
        var key = ECDsa.Create();
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
                throw new CustodyException($"{path}: too large for a key");
            key.ImportFromPem(File.ReadAllText(path));
            if (!IsP256(key))
                throw new CustodyException($"{path}: not a key on the curve P-256");
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException or PlatformNotSupportedException)
        {
            key.Dispose();
            throw new CustodyException($"{path}: not an ECDSA key in PEM", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            key.Dispose();
            throw new CustodyException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            throw new CustodyException($"{path}: {e.Message}", e);
        }
        catch (CustodyException)
        {
            key.Dispose();
            throw;
        }
    }

    private static bool IsP256(ECDsa key) =>
        key.KeySize == CurveBits
        && key.ExportParameters(includePrivateParameters: false).Curve is { IsNamed: true } curve && curve.Oid.Value == CurveOid;

    private static void WriteNew(string path, string pem, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode };
        using var file = new FileStream(path, options);
        file.Write(System.Text.Encoding.ASCII.GetBytes(pem + "\n"));
        file.Flush(flushToDisk: true);
    }
}
